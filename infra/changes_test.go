package infra_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bufbuild/protocompile"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/dynamicpb"

	"rollcall/internal/directory"
	"rollcall/internal/pubsub"
)

// TestChangeSchema: the topic's schema fits what the worker publishes, and BigQuery has a column for each field.
// The emulator has no schemas in protocol buffers; Pub/Sub reads JSON as protojson does.
func TestChangeSchema(t *testing.T) {
	compiler := protocompile.Compiler{Resolver: &protocompile.SourceResolver{}}
	files, err := compiler.Compile(t.Context(), "user-change.proto")
	if err != nil {
		t.Fatal(err)
	}
	message := files[0].Messages().ByName("UserChange")
	at := time.Date(2026, 11, 28, 12, 0, 0, 1000, time.UTC)
	for _, record := range []pubsub.RecordData{
		{ID: "1", Type: directory.UserForgotten, TeamID: "T1", UserID: "U1", Changed: []string{}, Version: directory.VersionOf(at), At: at, Source: directory.FromEvent},
		{ID: "1", Type: directory.UserUpdated, TeamID: "T1", UserID: "U1", Changed: []string{"profile.title"}, Version: directory.VersionOf(at), At: at,
			Source: directory.FromSync, Before: `{"profile.title":"Typographer"}`, After: `{"profile.title":"Lead typographer"}`},
	} {
		data, err := json.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		if err := protojson.Unmarshal(data, dynamicpb.NewMessage(message)); err != nil {
			t.Errorf("Pub/Sub would refuse %s: %v", data, err)
		}
	}

	var fields, columns []string
	for i := range message.Fields().Len() {
		fields = append(fields, string(message.Fields().Get(i).Name()))
	}
	for _, m := range regexp.MustCompile(`(?m)^    \{ name = "(\w+)"`).FindAllStringSubmatch(read(t, "changes.tf"), -1) {
		columns = append(columns, m[1])
	}
	if diff := cmp.Diff(fields, columns); diff != "" {
		t.Errorf("columns (-schema +table):\n%s", diff)
	}
	if topic := pubsub.Production().ChangesTopic; !strings.Contains(read(t, "changes.tf"), `name = "${var.prefix}`+topic+`"`) {
		t.Errorf("Terraform does not make the topic %s", topic)
	}
}
