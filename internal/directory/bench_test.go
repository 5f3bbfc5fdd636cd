package directory

import (
	"os"
	"testing"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// steps are what is done with a change of a whole user between Slack and the store.
func steps(tb testing.TB) map[string]func() {
	tb.Helper()
	event, err := os.ReadFile("../slack/testdata/events/user_change.json")
	if err != nil {
		tb.Fatal(err)
	}
	var envelope struct {
		Event struct {
			User jsontext.Value `json:"user"`
		} `json:"event"`
	}
	if err := jsonv2.Unmarshal(event, &envelope); err != nil {
		tb.Fatal(err)
	}
	c, err := NewChange(change(Update, 2, string(envelope.Event.User)))
	if err != nil {
		tb.Fatal(err)
	}
	data, err := c.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	stored, _, err := Apply(nil, change(Insert, 1, string(envelope.Event.User)), now)
	if err != nil {
		tb.Fatal(err)
	}
	both, _, err := Apply(&stored, listed(1, string(envelope.Event.User)), now)
	if err != nil {
		tb.Fatal(err)
	}
	must := func(err error) {
		if err != nil {
			tb.Fatal(err)
		}
	}
	return map[string]func(){
		"encode": func() { _, err := c.Encode(); must(err) },
		"decode": func() { _, err := DecodeChange(data); must(err) },
		"apply":  func() { _, _, err := Apply(&stored, c, now); must(err) },
		"join":   func() { _, _, err := Apply(&both, c, now); must(err) },
	}
}

func BenchmarkChange(b *testing.B) {
	for name, step := range steps(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}
