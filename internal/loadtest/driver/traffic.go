package driver

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"rollcall/internal/fakeslack"
)

// Mix is the weight of each type of event.
type Mix map[string]int

// eventTypes are the events about people that Rollcall subscribes to.
var eventTypes = []string{"team_join", "user_change"}

// MarshalText writes the mix in the form of the command line.
func (m Mix) MarshalText() ([]byte, error) {
	var parts []string
	for _, eventType := range slices.Sorted(maps.Keys(m)) {
		parts = append(parts, fmt.Sprintf("%s=%d", eventType, m[eventType]))
	}
	return []byte(strings.Join(parts, ",")), nil
}

// UnmarshalText reads "team_join=5,user_change=60".
func (m *Mix) UnmarshalText(text []byte) error {
	read := Mix{}
	for part := range strings.SplitSeq(string(text), ",") {
		eventType, parts, _ := strings.Cut(strings.TrimSpace(part), "=")
		n, err := strconv.ParseUint(parts, 10, 16)
		if err != nil || !slices.Contains(eventTypes, eventType) {
			return fmt.Errorf("%q is not TYPE=PARTS with one of %s", part, strings.Join(eventTypes, ", "))
		}
		read[eventType] += int(n)
	}
	if read.parts() == 0 {
		return errors.New("at least one weight must be above 0")
	}
	*m = read
	return nil
}

func (m Mix) parts() (n int) {
	for _, parts := range m {
		n += parts
	}
	return n
}

// pick draws a random type.
func (m Mix) pick() string {
	n := rand.IntN(m.parts())
	for _, eventType := range eventTypes {
		if n -= m[eventType]; n < 0 {
			return eventType
		}
	}
	panic("unreachable: the parts are summed above")
}

// traffic makes the events of invented workspaces. It makes each event on demand, with new
// content, so that documents change as in production.
type traffic struct {
	mix        Mix
	workspaces []workspace
	arrivals   [][]byte // the joins of all people, sent before the first change
}

type workspace struct {
	*fakeslack.Workspace
	people []string
}

func newTraffic(mix Mix, workspaces, people int) *traffic {
	t := &traffic{mix: mix, workspaces: make([]workspace, workspaces)}
	for i := range t.workspaces {
		w := workspace{Workspace: fakeslack.New(fakeslack.Options{
			TeamID: fmt.Sprintf("T0LOAD%04d", i), Seed: uint64(i), People: 3, Log: slog.New(slog.DiscardHandler),
		})}
		for range people {
			for _, e := range w.Join() {
				w.people, t.arrivals = append(w.people, e.UserID), append(t.arrivals, e.Envelope)
			}
		}
		t.workspaces[i] = w
	}
	return t
}

// next returns an event of the mix. Its version is the current time.
func (t *traffic) next() ([]byte, error) { return t.event(t.mix.pick()) }

func (t *traffic) event(eventType string) ([]byte, error) {
	w := t.workspaces[rand.IntN(len(t.workspaces))]
	someone := w.people[rand.IntN(len(w.people))]
	var events []fakeslack.Event
	var err error
	switch eventType {
	case "team_join":
		events = w.Join()
	default:
		events, err = w.SetStatus(someone)
	}
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		if e.Type == eventType {
			return e.Envelope, nil
		}
	}
	return nil, fmt.Errorf("%s: the invented workspace does not send it", eventType)
}
