package fakeslack

import (
	"cmp"
	"encoding/json"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options describe the workspace to invent. A zero field means its default.
type Options struct {
	TeamID string // "T0ROLLCALL"
	Name   string // "Marlow & Finch"
	Domain string // "marlow-finch": the part before .slack.com, and before .example in e-mail addresses
	People int    // in users.list, including Slackbot and bots, at least those in Known; without Known 250
	Seed   uint64 // the same seed gives the same people and the same joiners

	Past  time.Duration     // how long ago the workspace begins; see [Workspace.Past]
	Known []json.RawMessage // Slack's objects of the people in an earlier workspace with this seed; the new one begins with them, unchanged

	SigningSecret string // signs events
	BotToken      string // for the Web API
	AppToken      string // for Socket Mode

	Scopes     string // of the bot token, separated by commas; those that Rollcall needs
	Enterprise string // ID of the organisation that has the workspace; "" for none
	OrgWide    bool   // the app is installed for the whole organisation; needs Enterprise

	Shapes         Shapes
	PageSize       int  // the most people in an answer of users.list, whatever limit was asked for; 1000
	GranularEvents bool // also send user_profile_changed, user_status_changed and user_huddle_changed
	HuddlesEvery   int  // in each nth Step somebody joins or leaves a huddle; 0 for never

	BaseURL string // of Handler; see also [Workspace.SetBaseURL]
	Faults  Faults
	Clock   func() time.Time // time.Now
	OnEvent func(Event)      // receives the events of Faults.Churn; may be nil
	Log     *slog.Logger     // slog.Default()

	SocketPingInterval time.Duration // between pings on a Socket Mode connection; 5 s
	AckTimeout         time.Duration // until an unacknowledged envelope is sent again; 3 s

	envelopes envelopes
}

// Faults make the Web API misbehave. An "Every" of n affects each nth call of users.list, or of the
// method in its name; 0 affects none.
type Faults struct {
	RateLimitEvery        int  // HTTP 429
	RetryAfter            int  // seconds, for both kinds of rate limit
	RatelimitedIn200Every int  // HTTP 200 with the error "ratelimited"
	ErrorEvery            int  // HTTP 500
	ShortPages            bool // pages of random length, some of them empty before the end
	MaxLimit              int  // HTTP 500 for a limit above it
	ExpireCursorEvery     int  // invalid_cursor, if the call has a cursor
	StuckCursor           bool // next_cursor is the cursor of the same page
	NoDate                bool // answers have no Date header
	NoCacheTS             bool // users.list has no cache_ts
	ProfileRateLimitEvery int  // HTTP 429 of users.profile.get

	InfoError map[string]string // by user ID: the error of users.info and users.profile.get
	InfoOther map[string]string // by user ID: the user whom users.info answers instead

	Churn     int // changes during each call; Options.OnEvent receives their events
	DropEvery int // each nth event of Churn and of Live is lost
}

// Workspace is an invented workspace. It is safe for concurrent use.
type Workspace struct {
	options Options // fixed, except for those that are fields below
	app     *person // the bot user of the tokens
	sockets sockets

	mu           sync.Mutex
	baseURL      string
	past         time.Time // the clock of the past; zero in the present
	botToken     string
	refusal      slackError // the error for the bot token; "" while it is valid
	faults       Faults
	rng          *rand.Rand
	listed       []*person      // in the order of users.list; joiners come last
	position     map[string]int // in listed, by id
	externals    []*person
	usernames    map[string]int // how many people have it
	staff        []*person      // everybody with a place in the tree of managers
	managers     []*person      // those of them who can have reports
	drawn        uint64         // index of the next person
	frozen       *memberList    // what users.list answers; nil for the current people
	steps        int
	listCalls    int
	profileCalls int
	events       int   // counted for Faults.DropEvery
	lastTS       int64 // microseconds; of the newest event
}

// Streams of random numbers besides those of people, which are 0, 1, 2, …
const (
	streamWorkspace = 1<<63 + iota
	streamLive
	streamExternals
	streamPast
)

// sisterTeam is another workspace of the same organisation.
const sisterTeam = "T0MARLOWUK"

// partners are the workspaces that share channels with this one.
var partners = []string{"T0HALDENPR", "T0ODASYSTM"}

// New invents a workspace.
func New(o Options) *Workspace {
	o.TeamID = cmp.Or(o.TeamID, "T0ROLLCALL")
	o.Name = cmp.Or(o.Name, "Marlow & Finch")
	o.Domain = cmp.Or(o.Domain, "marlow-finch")
	known := o.known()
	if len(known) > 0 {
		o.Past = 0 // the earlier workspace had it
	} else {
		o.People = cmp.Or(o.People, 250)
	}
	o.SigningSecret = cmp.Or(o.SigningSecret, "invented-signing-secret")
	o.BotToken = cmp.Or(o.BotToken, "xoxb-invented")
	o.AppToken = cmp.Or(o.AppToken, "xapp-invented")
	o.Scopes = cmp.Or(o.Scopes, "users:read,users:read.email,users.profile:read,team:read,emoji:read")
	o.Log = cmp.Or(o.Log, slog.Default())
	o.SocketPingInterval = cmp.Or(o.SocketPingInterval, 5*time.Second)
	o.AckTimeout = cmp.Or(o.AckTimeout, 3*time.Second)
	if o.Clock == nil {
		o.Clock = time.Now
	}
	w := &Workspace{
		options:   o,
		baseURL:   strings.TrimSuffix(o.BaseURL, "/"),
		botToken:  o.BotToken,
		faults:    o.Faults,
		rng:       rand.New(rand.NewPCG(o.Seed, streamWorkspace)),
		position:  map[string]int{},
		usernames: map[string]int{},
	}
	w.app = newApp(o.Seed)
	if o.Past > 0 {
		w.past = o.Clock().Add(-o.Past)
	}
	w.addKnown(known)
	for len(w.listed) < o.People-o.pastJoiners() {
		w.add(w.founder())
	}
	w.options.People = max(o.People, len(w.listed))
	for i := range 3 + min(w.options.People/50, 40) {
		p := newPerson(o.Seed, streamExternals+uint64(i), external)
		p.teamID = partners[i%len(partners)]
		w.nameUniquely(p)
		if s, ok := known[p.id]; ok {
			w.restore(p, s)
		}
		w.externals = append(w.externals, p)
	}
	return w
}

// Indexes of accounts that every workspace has, if it is large enough.
const (
	primaryOwner = 0
	theSlackbot  = 1
	rollcallBot  = 2
	lastOwner    = 4 // from 3
	lastAdmin    = 9
)

// founder returns the next person of a new workspace. Kinds depend only on the index, so that
// every kind exists with any seed.
func (w *Workspace) founder() *person {
	i := w.drawn
	k := member
	switch {
	case i == theSlackbot:
		k = slackbot
	case i == rollcallBot:
		k = bot
	case i <= lastAdmin:
	case i%20 == 17:
		k = bot
	case i%25 == 11:
		k = guest
	case i%50 == 29:
		k = singleChannel
	}
	p := newPerson(w.options.Seed, i, k)
	if i == rollcallBot {
		p = newApp(w.options.Seed)
	}
	p.primaryOwner = i == primaryOwner
	p.owner = p.primaryOwner || k == member && i <= lastOwner
	p.admin = k == member && i <= lastAdmin
	p.deleted = k != bot && i%12 == 10
	switch i {
	case theSlackbot:
		p.beBot("Slackbot")
		p.id, p.updated = "USLACKBOT", 0
	case 41, 173:
		p.deleted, p.forgotten = true, true
	}
	if p.deleted {
		p.status = status{}
	}
	return p
}

// newApp returns the bot user of the app.
func newApp(seed uint64) *person {
	p := newPerson(seed, rollcallBot, bot)
	p.beBot("Rollcall")
	p.appID = appID
	return p
}

// add appends p to users.list.
func (w *Workspace) add(p *person) {
	p.teamID = w.options.TeamID
	p.domain = w.options.Domain + ".example"
	if w.options.Enterprise != "" && p.kind == member && p.index%9 == 5 {
		p.teamID, p.ofOrganisation = w.options.Enterprise, true
	}
	w.nameUniquely(p)
	if len(w.listed) > lastAdmin {
		p.invitedBy = w.listed[lastOwner+1+p.index%(lastAdmin-lastOwner)].id
	}
	if p.culture != nil {
		w.employ(p)
	}
	w.position[p.id] = len(w.listed)
	w.listed = append(w.listed, p)
	w.drawn++
}

// nameUniquely appends a number to a username that is taken.
func (w *Workspace) nameUniquely(p *person) {
	w.usernames[p.username]++
	if n := w.usernames[p.username]; n > 1 {
		p.username += string(encode(n))
	}
}

// Options returns the options with their defaults filled in.
func (w *Workspace) Options() Options {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := w.options
	o.BaseURL, o.Faults, o.BotToken = w.baseURL, w.faults, w.botToken
	return o
}

// has reports whether the bot token has the scope.
func (o *Options) has(scope string) bool {
	return scope == "" || slices.Contains(strings.Split(o.Scopes, ","), scope)
}

// SetBaseURL sets the address of Handler, for links to avatars.
func (w *Workspace) SetBaseURL(url string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.baseURL = strings.TrimSuffix(url, "/")
}

// SetFaults replaces Options.Faults and restarts the count of calls.
func (w *Workspace) SetFaults(f Faults) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults, w.listCalls, w.events = f, 0, 0
}

// Users returns all current members of users.list, without locale.
func (w *Workspace) Users() []json.RawMessage {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]json.RawMessage, 0, len(w.listed))
	for _, p := range w.listed {
		all = append(all, w.person(p).ListObject(false))
	}
	return all
}

// User returns the user of users.info, without locale, external people included. It returns nil if there is no such user.
func (w *Workspace) User(id string) json.RawMessage {
	p, ok := w.Person(id)
	if !ok {
		return nil
	}
	return p.InfoObject(false)
}

// People returns everybody in users.list, in its order.
func (w *Workspace) People() []Person {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := make([]Person, 0, len(w.listed))
	for _, p := range w.listed {
		all = append(all, w.person(p))
	}
	return all
}

// Person returns a current user, external people included.
func (w *Workspace) Person(id string) (Person, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.find(id)
	if p == nil {
		return Person{}, false
	}
	return w.person(p), true
}

// ExternalIDs are the IDs of people of other workspaces (Slack Connect), who are not in users.list.
func (w *Workspace) ExternalIDs() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var ids []string
	for _, p := range w.externals {
		ids = append(ids, p.id)
	}
	return ids
}

// The following need mu.

func (w *Workspace) person(p *person) Person { return w.personAt(p, w.now()) }

func (w *Workspace) personAt(p *person, at time.Time) Person {
	copied := *p
	copied.fields = maps.Clone(p.fields)
	return Person{person: copied, options: &w.options, at: at, baseURL: w.baseURL}
}

func (w *Workspace) find(id string) *person {
	if i, ok := w.position[id]; ok {
		return w.listed[i]
	}
	for _, p := range w.externals {
		if p.id == id {
			return p
		}
	}
	return nil
}
