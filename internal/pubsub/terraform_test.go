package pubsub

import (
	"fmt"
	"os"
	"testing"
	"time"

	"cloud.google.com/go/pubsub/v2"
	"cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/gocty"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"

	"rollcall/internal/emulator"
)

func TestMain(m *testing.M) { os.Exit(emulator.Main(m)) }

// TestTerraform: Terraform declares the same topics and subscriptions as
// [Topology.Ensure] creates. All settings are compared, as the emulator returns them.
func TestTerraform(t *testing.T) {
	t.Setenv("PUBSUB_EMULATOR_HOST", emulator.PubSub(t).Host)
	const project = "terraform-topology"
	client, err := pubsub.NewClient(t.Context(), project)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	topology := Production()
	topology.PushEndpoint = workerURI + "/"
	if err := topology.Ensure(t.Context(), client); err != nil {
		t.Fatal(err)
	}
	d := declare(t, "../../infra/pubsub.tf", project)

	if len(d.topics) != 2 || len(d.subscriptions) != 2 {
		t.Errorf("%d topics, %d subscriptions", len(d.topics), len(d.subscriptions))
	}
	for name := range d.topics {
		if _, err := client.TopicAdminClient.GetTopic(t.Context(), &pubsubpb.GetTopicRequest{Topic: name}); err != nil {
			t.Errorf("topic %s: %v", name, err)
		}
	}
	for name, declared := range d.subscriptions {
		got, err := client.SubscriptionAdminClient.GetSubscription(t.Context(), &pubsubpb.GetSubscriptionRequest{Subscription: name})
		if err != nil {
			t.Errorf("subscription %s: %v", name, err)
			continue
		}
		if declared.AckDeadlineSeconds == 0 {
			declared.AckDeadlineSeconds = 10 // Pub/Sub's default
		}
		if declared.PushConfig == nil {
			declared.PushConfig = &pubsubpb.PushConfig{} // how it returns a pull subscription
		}
		opts := []cmp.Option{protocmp.Transform(), protocmp.IgnoreFields(&pubsubpb.Subscription{}, "state")}
		if d := cmp.Diff(declared, got, opts...); d != "" {
			t.Errorf("%s (-Terraform +emulator):\n%s", name, d)
		}
	}
	if want := d.kept["projects/"+project+"/subscriptions/"+topology.DeadLetterParking]; want != topology.DeadLetterRetention {
		t.Errorf("dead letters: Terraform keeps them for %v, the topology for %v", want, topology.DeadLetterRetention)
	}
}

const workerURI = "http://127.0.0.1:1"

// declared is what a Terraform file declares.
type declared struct {
	topics        map[string]bool
	subscriptions map[string]*pubsubpb.Subscription
	kept          map[string]time.Duration // retention, not bounded by the emulator's maximum
}

func declare(t *testing.T, path, project string) declared {
	t.Helper()
	file, diags := hclparse.NewParser().ParseHCLFile(path)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	found := declared{map[string]bool{}, map[string]*pubsubpb.Subscription{}, map[string]time.Duration{}}
	values := map[string]cty.Value{
		"google_cloud_run_v2_service": cty.ObjectVal(map[string]cty.Value{"service": named("worker", "uri", workerURI)}),
		"local":                       cty.ObjectVal(map[string]cty.Value{"push_audience": cty.StringVal("rollcall-worker")}),
		"var":                         cty.ObjectVal(map[string]cty.Value{"prefix": cty.StringVal(""), "region": cty.StringVal("here")}),
		"google_service_account":      cty.ObjectVal(map[string]cty.Value{"invoker": named("push", "email", "push@example.com")}),
	}
	blocks := map[string]map[string]*hclsyntax.Body{}
	for _, b := range file.Body.(*hclsyntax.Body).Blocks {
		if blocks[b.Labels[0]] == nil {
			blocks[b.Labels[0]] = map[string]*hclsyntax.Body{}
		}
		blocks[b.Labels[0]][b.Labels[1]] = b.Body
	}
	topics := map[string]cty.Value{}
	for label, body := range blocks["google_pubsub_topic"] {
		settings := flatten(t, body, &hcl.EvalContext{Variables: values})
		name := fmt.Sprintf("projects/%s/topics/%s", project, text(settings["name"]))
		found.topics[name] = true
		topics[label] = cty.ObjectVal(map[string]cty.Value{"id": cty.StringVal(name)})
		delete(settings, "name")
		// Local mode and the emulator have no regions.
		const regions = "message_storage_policy.allowed_persistence_regions"
		if stored, there := settings[regions]; !there || stored.LengthInt() != 1 || text(stored.Index(cty.NumberIntVal(0))) != "here" {
			t.Errorf("%s: messages, which carry profiles, are not kept in the region", label)
		}
		delete(settings, regions)
		unread(t, label, settings)
	}
	values["google_pubsub_topic"] = cty.ObjectVal(topics)
	for label, body := range blocks["google_pubsub_subscription"] {
		settings := flatten(t, body, &hcl.EvalContext{Variables: values})
		s := subscription(t, settings, project)
		found.kept[s.GetName()] = s.GetMessageRetentionDuration().AsDuration()
		s.MessageRetentionDuration = durationpb.New(min(s.GetMessageRetentionDuration().AsDuration(), emulatedRetention))
		found.subscriptions[s.GetName()] = s
		unread(t, label, settings)
	}
	return found
}

// named returns { key = { attribute = value } }.
func named(key, attribute, value string) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{key: cty.ObjectVal(map[string]cty.Value{attribute: cty.StringVal(value)})})
}

// flatten returns a body's attributes, those of nested blocks as block.attribute.
func flatten(t *testing.T, body *hclsyntax.Body, ctx *hcl.EvalContext) map[string]cty.Value {
	t.Helper()
	all := map[string]cty.Value{}
	for name, attribute := range body.Attributes {
		if name == "depends_on" {
			continue
		}
		v, diags := attribute.Expr.Value(ctx)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		all[name] = v
	}
	for _, b := range body.Blocks {
		for name, v := range flatten(t, b.Body, ctx) {
			all[b.Type+"."+name] = v
		}
	}
	return all
}

// subscription removes the settings that it understands.
func subscription(t *testing.T, settings map[string]cty.Value, project string) *pubsubpb.Subscription {
	t.Helper()
	take := func(name string) (cty.Value, bool) {
		v, there := settings[name]
		delete(settings, name)
		return v, there
	}
	number := func(name string) (n int32) {
		if v, there := take(name); there {
			if err := gocty.FromCtyValue(v, &n); err != nil {
				t.Fatal(name, err)
			}
		}
		return n
	}
	duration := func(name string) *durationpb.Duration {
		v, there := take(name)
		if !there {
			return nil
		}
		d, err := time.ParseDuration(text(v))
		if err != nil {
			t.Fatal(name, err)
		}
		return durationpb.New(d)
	}
	name, _ := take("name")
	topic, _ := take("topic")
	s := &pubsubpb.Subscription{
		Name:                     fmt.Sprintf("projects/%s/subscriptions/%s", project, text(name)),
		Topic:                    text(topic),
		AckDeadlineSeconds:       number("ack_deadline_seconds"),
		MessageRetentionDuration: duration("message_retention_duration"),
	}
	if ttl, there := take("expiration_policy.ttl"); there {
		s.ExpirationPolicy = &pubsubpb.ExpirationPolicy{}
		if text(ttl) != "" {
			t.Errorf("%s expires", s.GetName())
		}
	}
	if endpoint, there := take("push_config.push_endpoint"); there {
		s.PushConfig = &pubsubpb.PushConfig{PushEndpoint: text(endpoint)}
		// The emulator sends no token.
		for _, name := range []string{"push_config.oidc_token.service_account_email", "push_config.oidc_token.audience"} {
			if v, there := take(name); !there || text(v) == "" {
				t.Errorf("%s: no %s", s.GetName(), name)
			}
		}
	}
	if dead, there := take("dead_letter_policy.dead_letter_topic"); there {
		s.DeadLetterPolicy = &pubsubpb.DeadLetterPolicy{DeadLetterTopic: text(dead), MaxDeliveryAttempts: number("dead_letter_policy.max_delivery_attempts")}
	}
	if minimum := duration("retry_policy.minimum_backoff"); minimum != nil {
		s.RetryPolicy = &pubsubpb.RetryPolicy{MinimumBackoff: minimum, MaximumBackoff: duration("retry_policy.maximum_backoff")}
	}
	return s
}

func text(v cty.Value) string { return v.AsString() }

// unread fails if settings are left that have not been compared.
func unread(t *testing.T, label string, settings map[string]cty.Value) {
	t.Helper()
	for name := range settings {
		t.Errorf("%s: the test does not know %s: compare it", label, name)
	}
}
