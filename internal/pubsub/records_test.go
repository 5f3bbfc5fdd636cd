package pubsub

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding/spec"
	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"

	"rollcall/internal/directory"
)

var changed = directory.Record{
	ID: "0123abcd", Type: directory.UserUpdated, TeamID: "T1", UserID: "U1", At: time.UnixMicro(1648596712000001).UTC(),
	WrittenAt: time.Now(), Source: directory.FromEvent, Changed: []string{"profile.title"},
	Before: json.RawMessage(`{"profile.title":"Typographer"}`), After: json.RawMessage(`{"profile.title":"Lead \"typographer\""}`), ExpireAt: time.Now(),
}

// cloudEvent decodes a message as the CloudEvents SDK does.
func cloudEvent(t *testing.T, attributes map[string]string, data []byte) event.Event {
	t.Helper()
	specs := spec.WithPrefix("ce-")
	version := specs.Version(attributes[specs.PrefixedSpecVersionName()])
	if version == nil {
		t.Fatalf("no version of CloudEvents in %v", attributes)
	}
	e := event.New(version.String())
	for name, value := range attributes {
		switch attribute := version.Attribute(name); {
		case name == "content-type":
			e.SetDataContentType(value)
		case attribute != nil:
			if err := attribute.Set(e.Context, value); err != nil && attribute.Kind() != spec.SpecVersion {
				t.Errorf("%s: %v", name, err)
			}
		case strings.HasPrefix(name, "ce-"):
			t.Errorf("%s is no attribute of CloudEvents", name)
		}
	}
	e.DataEncoded = data
	if err := e.Validate(); err != nil {
		t.Error(err)
	}
	return e
}

// TestRecordMessage: a record is published as a CloudEvent, by default without values.
func TestRecordMessage(t *testing.T) {
	const thin = `{"id":"0123abcd","type":"user.updated","team_id":"T1","user_id":"U1","changed":["profile.title"],"version":1648596712000001,"at":"2022-03-29T23:31:52.000001Z","source":"event"`
	forgotten := directory.Record{ID: "1", Type: directory.UserForgotten, TeamID: "T1", UserID: "U1", At: time.UnixMicro(1).UTC(), Source: directory.FromEvent}
	for _, tt := range []struct {
		name   string
		record directory.Record
		values bool
		want   string
	}{
		{"thin", changed, false, thin + `}`},
		{"with values", changed, true, thin + `,"before":"{\"profile.title\":\"Typographer\"}","after":"{\"profile.title\":\"Lead \\\"typographer\\\"\"}"}`},
		{"forgotten", forgotten, true, `{"id":"1","type":"user.forgotten","team_id":"T1","user_id":"U1","changed":[],"version":1,"at":"1970-01-01T00:00:00.000001Z","source":"event"}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, fake := published(t, func() {})
			defer p.Stop()
			if err := (&RecordPublisher{p, tt.values}).Publish(t.Context(), tt.record); err != nil {
				t.Fatal(err)
			}
			m := fake.Messages()[0]
			if diff := cmp.Diff(tt.want, string(m.Data)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			e := cloudEvent(t, m.Attributes, m.Data)
			if e.ID() != tt.record.ID || e.Type() != string(tt.record.Type) || e.Source() != "/workspaces/T1" || e.Subject() != "U1" ||
				!e.Time().Equal(tt.record.At) || e.DataContentType() != "application/json" || m.Attributes["team_id"] != "T1" {
				t.Errorf("attributes %v", m.Attributes)
			}
		})
	}
}
