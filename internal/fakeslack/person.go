package fakeslack

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// kind is the kind of an account.
type kind string

const (
	member        kind = "member"
	guest         kind = "guest" // of several channels
	singleChannel kind = "single-channel guest"
	bot           kind = "bot"
	slackbot      kind = "slackbot"
	external      kind = "external" // in another workspace, through Slack Connect
)

// person is the state of one user.
type person struct {
	kind                  kind
	index                 uint64
	id, teamID            string
	username, domain      string
	color, avatarHash     string
	tz                    string
	culture               *culture // nil for bots
	given, family         name
	realName, displayName string
	title, phone          string
	status                status
	statusExpiration      int64             // Unix seconds; 0 for never
	fields                map[string]string // custom fields: values by ID
	appID, botID          string
	owner, primaryOwner   bool
	admin                 bool
	deleted, forgotten    bool
	updated               int64 // Unix seconds
	confirmed             bool  // the e-mail address is
	pronouns, startDate   string
	ownPicture            bool   // instead of a generated one
	ofOrganisation        bool   // listed under the organisation's ID
	invitedBy             string // guests: the member who invited them
	guestUntil            int64  // guests: Unix seconds
	huddle                string // the call, or ""
	huddleUntil           int64  // Unix seconds; Slack extends it during the huddle
}

type status struct {
	emoji, text string
	lasts       time.Duration // 0: until cleared
}

var statuses = []status{
	{":palm_tree:", "On holiday", 7 * 24 * time.Hour},
	{":house_with_garden:", "Working from home", 8 * time.Hour},
	{":headphones:", "Focusing", time.Hour},
	{":spiral_calendar_pad:", "In a meeting", 30 * time.Minute},
	{":bus:", "Commuting", 45 * time.Minute},
	{":face_with_thermometer:", "Out sick", 24 * time.Hour},
	{":wave::skin-tone-4:", "New here, say hello!", 0},
	{":writing_hand::skin-tone-2:", "Writing the quarterly report", 3 * time.Hour},
	{":baby_bottle:", "Parental leave", 0},
	{":airplane:", "Travelling to Lisbon", 24 * time.Hour},
	{":coffee:", "Back in 10", 10 * time.Minute},
	{":pager:", "On call", 12 * time.Hour},
	{":knife_fork_plate:", "Lunch", time.Hour},
	{":fr:", "En congé jusqu’à lundi", 3 * 24 * time.Hour},
	{":bullettrain_side:", "出張中", 48 * time.Hour},
	{":finch:", "At the offsite <3", 48 * time.Hour}, // a custom emoji
	{":speech_balloon:", "", 0},
	{":woman-running::skin-tone-5:", "Training for the marathon 🏃🏿‍♀️", 0},
}

var titles = []string{
	"Account Director", "Accountant", "Art Director", "Backend Engineer", "Brand Strategist", "Chief of Staff",
	"Copywriter", "Customer Success Manager", "Data Analyst", "Data Engineer", "Delivery Manager", "Designer",
	"Engineering Manager", "Facilities", "Finance Partner", "Front-end Developer",
	"Head of R&D", "Illustrator", "Intern", "IT Support", "Legal Counsel", "Office Manager", "People Partner",
	"Photographer", "Producer", "Product Designer", "Product Manager", "QA Engineer", "Recruiter",
	"Senior Software Engineer", "Site Reliability Engineer", "Sound Designer", "Staff Engineer", "Technical Writer",
	"UX Researcher", "Typographer", "VP, Operations",
}

// departments are led by those who report to the primary owner.
var departments = []string{"Engineering", "Design", "Studio", "Finance", "People", "Client Services", "Operations"}

var offices = []string{"London", "Lisbon", "Tokyo", "Remote"}

var botNames = []string{
	"Deploybot", "Standup", "GitHub", "Google Calendar", "Incident Bot", "Lunch Roulette", "Polly", "Jira Cloud",
	"PagerDuty", "Birthday Bot", "Expense Reports", "Coffee Chats",
}

// colors are those of Slack's colors on which white initials are readable.
var colors = []string{
	"674b1b", "684b6c", "2b6836", "9b3b45", "5a4592", "235e5b", "9e3997", "385a86", "a63024", "43761b",
	"8f4a2b", "902d59", "8d4b84", "a72f79", "7d414c", "965d1b", "4d5e26", "bc3663",
}

// beginning is the latest time at which people of a new workspace changed. It is fixed, so that a
// seed gives the same people on any day.
var beginning = time.Date(2025, time.October, 1, 9, 0, 0, 0, time.UTC)

// newPerson invents the person with an index. Its random choices depend only on seed and index, so
// that a change to other people's kinds changes nobody.
func newPerson(seed, index uint64, k kind) *person {
	rng := rand.New(rand.NewPCG(seed, index))
	c := &cultures[rng.IntN(len(cultures))]
	p := &person{
		kind: k, index: index, culture: c,
		id:    "U" + base36(rng, 10),
		tz:    pick(rng, c.zones),
		given: pick(rng, c.given), family: pick(rng, c.family),
		color:      pick(rng, colors),
		avatarHash: fmt.Sprintf("g%011x", rng.Int64N(1<<44)),
		title:      pick(rng, titles),
		status:     pick(rng, statuses),
		fields:     customFields(rng),
		updated:    beginning.Add(-time.Duration(rng.IntN(730*24*3600)) * time.Second).Unix(),
		confirmed:  true,
		appID:      "A" + base36(rng, 10), botID: "B" + base36(rng, 10),
	}
	p.username = p.given.latin + "." + p.family.latin
	p.realName = c.fullName(p.given, p.family)
	if own := rng.IntN(3); own == 0 && c.titles != nil {
		p.title = pick(rng, c.titles)
	}
	phone, naming, hasStatus, untitled := rng.IntN(1000), rng.IntN(5), rng.IntN(100) < 35, rng.IntN(100) < 10
	if phone < 300 {
		p.phone = fmt.Sprintf("+44 20 7946 0%03d", phone) // a range reserved for fiction
	}
	switch naming {
	case 0: // none: Slack shows the real name instead
	case 1:
		p.displayName = p.username
	default:
		p.displayName = p.given.native
	}
	if !hasStatus || k == bot || k == slackbot {
		p.status = status{}
	}
	if untitled {
		p.title = ""
	}
	if k == bot || k == slackbot {
		p.beBot(botNames[int(index)%len(botNames)])
	}
	p.addDetails(seed)
	return p
}

// addDetails has its own random stream, so that it changes nothing else about the person.
func (p *person) addDetails(seed uint64) {
	draw := func(what string) uint64 { return hash(seed^p.index, what) }
	if p.culture == nil {
		return
	}
	p.ownPicture = draw("picture")%3 == 0
	if draw("pronouns")%4 == 0 {
		p.pronouns = pronouns[draw("which")%uint64(len(pronouns))]
	}
	if draw("start")%4 == 0 {
		p.startDate = beginning.AddDate(0, 0, -int(draw("day")%3000)).Format(time.DateOnly)
	}
	if p.kind == guest && draw("until")%2 == 0 {
		p.guestUntil = beginning.AddDate(3, 0, 0).Unix()
	}
	if len(p.fields) > 0 && draw("website")%2 == 0 {
		p.fields[fieldWebsite] = "https://people.example/" + p.username
	}
}

var pronouns = []string{"she/her", "he/him", "they/them", "any"}

// beBot clears what only people have.
func (p *person) beBot(name string) {
	p.culture, p.given, p.family = nil, named(name), named("")
	p.realName, p.displayName = name, ""
	p.username = strings.ReplaceAll(strings.ToLower(name), " ", "_")
	p.tz, p.title, p.phone, p.fields, p.confirmed = "America/Los_Angeles", "", "", nil, false
}

func named(s string) name { return name{s, ascii(s)} }

func (c *culture) fullName(given, family name) string {
	separator := " "
	if c.unspaced {
		separator = ""
	}
	if c.familyFirst {
		return family.native + separator + given.native
	}
	return given.native + separator + family.native
}

// customFields returns nil for half of the people.
func customFields(rng *rand.Rand) map[string]string {
	department, year := pick(rng, departments), 2012+rng.IntN(13)
	if rng.IntN(6) < 3 {
		return nil
	}
	return map[string]string{fieldDepartment: department, fieldStart: fmt.Sprintf("%d-03-01", year)}
}

func (p *person) locale() string {
	if p.culture == nil {
		return "en-US"
	}
	return p.culture.locale
}

// email is "" for bots and people of other workspaces.
func (p *person) email() string {
	if p.culture == nil || p.kind == external {
		return ""
	}
	return p.username + "@" + p.domain
}

func (p *person) shownUsername() string {
	if p.forgotten {
		return "deactivateduser" + strconv.FormatUint(p.index, 10)
	}
	return p.username
}

// nameFields are the profile fields that depend on the name. Slack treats the last word of the real
// name as the last name, in any script.
func (p *person) nameFields() map[string]string {
	first, last := p.realName, ""
	if i := strings.LastIndexByte(p.realName, ' '); i >= 0 {
		first, last = p.realName[:i], p.realName[i+1:]
	}
	return map[string]string{
		"real_name": p.realName, "real_name_normalized": unaccented(p.realName),
		"display_name": p.displayName, "display_name_normalized": unaccented(p.displayName),
		"first_name": first, "last_name": last,
	}
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

func base36(rng *rand.Rand, n int) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	b := make([]byte, n)
	for i := range b {
		b[i] = digits[rng.IntN(len(digits))]
	}
	return string(b)
}
