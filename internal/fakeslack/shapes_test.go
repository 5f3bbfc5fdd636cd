package fakeslack

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// everyShape returns objects of a person in each shape, in several variants.
func everyShape(p Person) map[string]json.RawMessage {
	all := map[string]json.RawMessage{}
	for variant := range uint64(4) {
		v, n := p.Variant(variant), string('0'+rune(variant))
		all["event "+n] = v.EventObject()
		all["list "+n], all["list with locale "+n] = v.ListObject(false), v.ListObject(true)
		all["info "+n], all["info with locale "+n] = v.InfoObject(false), v.InfoObject(true)
	}
	return all
}

// lived returns a workspace after many changes, with people in every state.
func lived(t *testing.T, o Options) *Workspace {
	t.Helper()
	o.Clock, o.HuddlesEvery = atNoon, 3
	w := New(o)
	rng := rand.New(rand.NewPCG(5, 5))
	for range 600 {
		w.Step(rng)
	}
	return w
}

func everybody(w *Workspace) []Person {
	all := w.People()
	for _, id := range w.ExternalIDs() {
		p, _ := w.Person(id)
		all = append(all, p)
	}
	return all
}

// core returns what Slack documents for both shapes and what describes the person, without
// empty values.
func core(object map[string]any) map[string]any {
	kept := map[string]any{}
	for _, key := range []string{"id", "team_id", "name", "deleted", "is_forgotten", "color", "real_name", "tz",
		"is_admin", "is_owner", "is_primary_owner", "is_restricted", "is_ultra_restricted", "is_bot", "is_app_user",
		"is_email_confirmed", "who_can_share_contact_card", "updated"} {
		kept[key] = object[key]
	}
	profile := object["profile"].(map[string]any)
	for _, key := range []string{"title", "phone", "skype", "real_name", "display_name", "first_name", "last_name",
		"status_text", "status_emoji", "status_expiration", "avatar_hash", "image_72", "image_512", "image_1024", "image_original",
		"email", "pronouns", "start_date", "team", "bot_id", "api_app_id"} {
		kept["profile."+key] = profile[key]
	}
	if user, ok := object["enterprise_user"].(map[string]any); ok {
		for key, value := range user {
			kept["enterprise_user."+key] = value
		}
		teams := slices.SortedFunc(slices.Values(user["teams"].([]any)), func(a, b any) int { return strings.Compare(a.(string), b.(string)) })
		kept["enterprise_user.teams"] = teams
	}
	for key, value := range kept {
		if value == nil || value == "" || value == false || value == 0.0 {
			delete(kept, key)
		}
	}
	return kept
}

// TestShapesAgreeOnTheCore: what two shapes both have of a person is the same.
func TestShapesAgreeOnTheCore(t *testing.T) {
	for name, o := range map[string]Options{"workspace": {}, "organisation": {Enterprise: "E0MARLOW"}, "without addresses": {Scopes: "users:read"}} {
		t.Run(name, func(t *testing.T) {
			w := lived(t, o)
			for _, p := range everybody(w) {
				want := core(decode[map[string]any](t, p.EventObject()))
				for shape, object := range everyShape(p) {
					if diff := gocmp.Diff(want, core(decode[map[string]any](t, object))); diff != "" {
						t.Fatalf("%s: %s (-event +it):\n%s", p.ID(), shape, diff)
					}
				}
			}
		})
	}
}

// TestShapesDiffer: the shapes differ where Slack's do.
func TestShapesDiffer(t *testing.T) {
	w := lived(t, Options{})
	equal, filled, huddles, null, missing := 0, 0, 0, 0, 0
	for _, p := range everybody(w) {
		for shape, text := range everyShape(p) {
			object := decode[map[string]any](t, text)
			profile := object["profile"].(map[string]any)
			fields, hasFields := profile["fields"]
			isEvent := strings.HasPrefix(shape, "event")
			if !isEvent && hasFields && fields != nil {
				t.Fatalf("%s has custom fields: %v", shape, fields)
			}
			if f, ok := fields.(map[string]any); ok && len(f) > 0 {
				filled++
			}
			if profile["huddle_state"] == "in_a_huddle" {
				huddles++
			}
			active := object["deleted"] == false
			_, locale := object["locale"]
			if wants := active && (isEvent || strings.Contains(shape, "locale")); locale != wants {
				t.Fatalf("%s of %s: locale %t, want %t", shape, p.ID(), locale, wants)
			}
			for _, key := range []string{"tz", "color", "is_admin", "is_restricted", "enterprise_user", "real_name", "locale"} {
				if _, has := object[key]; has && !active {
					t.Fatalf("%s of %s, who is deactivated, has %s", shape, p.ID(), key)
				}
			}
			if text := string(text); strings.Contains(text, `"title":null`) {
				null++
			} else if !strings.Contains(text, `"title"`) {
				missing++
			}
			if updated, ok := object["updated"].(float64); !ok || (updated == 0) != (p.ID() == "USLACKBOT") {
				t.Errorf("%s of %s: updated %v", shape, p.ID(), object["updated"])
			}
		}
		if gocmp.Equal(decode[any](t, p.EventObject()), decode[any](t, p.ListObject(true))) {
			equal++
		}
	}
	if filled == 0 || huddles == 0 || null == 0 || missing == 0 {
		t.Errorf("with custom fields %d, in a huddle %d, title null %d, no title %d", filled, huddles, null, missing)
	}
	if all := len(everybody(w)); equal > all/10 {
		t.Errorf("%d of %d are the same in events and listings", equal, all)
	}
}

func TestDeactivatedPeopleMayKeepKeys(t *testing.T) {
	for _, tt := range []Shapes{{}, {EventsKeepDeactivated: true}, {ListingsKeepDeactivated: true}, {EventsKeepDeactivated: true, ListingsKeepDeactivated: true}} {
		w := New(Options{Shapes: tt})
		id := w.listed[10].id
		p, _ := w.Person(id)
		_, inEvent := decode[map[string]any](t, p.EventObject())["tz"]
		_, inList := decode[map[string]any](t, p.ListObject(false))["tz"]
		_, inInfo := decode[map[string]any](t, p.InfoObject(false))["tz"]
		if inEvent != tt.EventsKeepDeactivated || inList != tt.ListingsKeepDeactivated || inInfo != inList {
			t.Errorf("%+v: tz in an event %t, in a listing %t, in users.info %t", tt, inEvent, inList, inInfo)
		}
	}
}

func TestStrangers(t *testing.T) {
	for by, want := range map[Strangers][2]bool{
		StrangersInEvents: {true, false}, StrangersInListings: {false, true}, StrangersEverywhere: {true, true}, StrangersNowhere: {false, false},
	} {
		w := New(Options{Shapes: Shapes{Strangers: by}})
		for _, id := range w.ExternalIDs() {
			p, _ := w.Person(id)
			event, info := decode[map[string]any](t, p.EventObject()), decode[map[string]any](t, p.InfoObject(false))
			if got := [2]bool{event["is_stranger"] == true, info["is_stranger"] == true}; got != want {
				t.Errorf("%d: is_stranger by event and users.info %v, want %v", by, got, want)
			}
			if event["team_id"] == "T0ROLLCALL" || event["team_id"] != info["team_id"] {
				t.Errorf("team_id %v and %v", event["team_id"], info["team_id"])
			}
		}
	}
}

func TestOrganisation(t *testing.T) {
	w := New(Options{Enterprise: "E0MARLOW"})
	with, without := 0, 0
	orders := map[any]bool{}
	for _, p := range w.People() {
		object := decode[map[string]any](t, p.ListObject(false))
		user, has := object["enterprise_user"].(map[string]any)
		switch {
		case object["deleted"] == true:
		case object["team_id"] == "E0MARLOW" && !has:
			without++
		case object["team_id"] == "T0ROLLCALL" && has && user["enterprise_id"] == "E0MARLOW":
			with++
			orders[user["teams"].([]any)[0]] = true
		default:
			t.Errorf("team_id %v, enterprise_user %v", object["team_id"], user)
		}
	}
	if with < 100 || without < 10 || len(orders) != 2 {
		t.Errorf("%d with enterprise_user, %d without, %d orders of teams", with, without, len(orders))
	}
}

// TestDaylightSaving: a change of the clock changes only tz_label and tz_offset.
func TestDaylightSaving(t *testing.T) {
	now := noon
	w := New(Options{Clock: func() time.Time { return now }})
	p := w.find(activeMember(w))
	p.tz = "Europe/Berlin"
	summer, _ := w.Person(p.id)
	now = noon.AddDate(0, 6, 0)
	winter, _ := w.Person(p.id)
	got := differences(decode[map[string]any](t, summer.ListObject(true)), decode[map[string]any](t, winter.ListObject(true)))
	slices.Sort(got)
	if diff := gocmp.Diff([]string{"tz_label", "tz_offset"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestHuddles(t *testing.T) {
	for _, keep := range []bool{false, true} {
		w := New(Options{Shapes: Shapes{HuddlesKeepUpdated: keep}})
		id := activeMember(w)
		updated := w.find(id).updated
		events, err := w.JoinHuddle(id)
		if err != nil || len(events) != 1 {
			t.Fatalf("%d events, %v", len(events), err)
		}
		if moved := w.find(id).updated != updated; moved == keep {
			t.Errorf("keep updated %t: updated moved %t", keep, moved)
		}
		profile := decode[envelope](t, events[0].Envelope).Event.User["profile"].(map[string]any)
		if profile["huddle_state"] != "in_a_huddle" || profile["huddle_state_call_id"] == nil {
			t.Errorf("profile %v", profile)
		}
		if _, err := w.JoinHuddle(id); err == nil {
			t.Error("joined twice")
		}
	}
}
