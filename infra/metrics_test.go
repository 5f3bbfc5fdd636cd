package infra_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"rollcall/internal/api"
	"rollcall/internal/directory"
	"rollcall/internal/e2e/events"
	"rollcall/internal/e2e/system"
	"rollcall/internal/fakeslack"
	"rollcall/internal/fullsync"
	"rollcall/internal/pubsub/push"
	"rollcall/internal/service"
	"rollcall/internal/slack"
	"rollcall/internal/slack/webapi"
	"rollcall/internal/store/sqlite"
	"rollcall/internal/syncs"
	"rollcall/internal/tokens"
	"rollcall/internal/ui"
	"rollcall/internal/webhook"
	"rollcall/internal/worker"
)

// metric is a log-based metric as metrics.tf declares it.
type metric struct {
	program   string // or several, separated by |
	condition string
	labels    []string
	value     string // the field whose values are distributed; empty: lines are counted
}

// metrics reads local.metrics of metrics.tf, which has only literals.
func metrics(t *testing.T) map[string]metric {
	t.Helper()
	file, diags := hclparse.NewParser().ParseHCLFile("metrics.tf")
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	all := map[string]metric{}
	for _, block := range file.Body.(*hclsyntax.Body).Blocks {
		if block.Type != "locals" {
			continue
		}
		declared, diags := block.Body.Attributes["metrics"].Expr.Value(nil)
		if diags.HasErrors() {
			t.Fatal(diags)
		}
		for name, v := range declared.AsValueMap() {
			m := metric{program: v.GetAttr("program").AsString(), condition: v.GetAttr("condition").AsString()}
			for _, label := range v.GetAttr("labels").AsValueSlice() {
				m.labels = append(m.labels, label.AsString())
			}
			if value := v.GetAttr("value"); !value.IsNull() {
				m.value = value.AsString()
			}
			all[name] = m
		}
	}
	return all
}

var clause = regexp.MustCompile(`^jsonPayload\.(\w+)(:\*|>=0|=(true)|="(\w+)")$`)

// counts reports whether m's condition holds for a log line.
func (m metric) counts(t *testing.T, line map[string]any) bool {
	t.Helper()
	for part := range strings.SplitSeq(m.condition, " AND ") {
		c := clause.FindStringSubmatch(part)
		if c == nil {
			t.Fatalf("%q is more than this test understands", part)
		}
		value, there := line[c[1]]
		number, _ := value.(float64)
		if !there || c[2] == ">=0" && number < 0 || c[3] != "" && value != true || c[4] != "" && value != c[4] {
			return false
		}
	}
	return true
}

// TestMetrics: the programs write the lines that metrics count, with the fields of their labels.
func TestMetrics(t *testing.T) {
	lines := map[string][]map[string]any{"webhook": webhookLines(t), "worker": workerLines(t), "fullsync": fullSyncLines(t), "ui": uiLines(t), "api": apiLines(t)}
	all := metrics(t)
	if len(all) != 8 {
		t.Errorf("%d metrics", len(all))
	}
	for name, m := range all {
		for program := range strings.SplitSeq(m.program, "|") {
			counted, labels := 0, map[string]bool{}
			for _, line := range lines[program] {
				if !m.counts(t, line) {
					continue
				}
				counted++
				if _, number := line[m.value].(float64); m.value != "" && !number {
					t.Errorf("%s: no number %s in %v", name, m.value, line)
				}
				for _, label := range m.labels {
					labels[label] = labels[label] || line[label] != nil
				}
			}
			for _, label := range m.labels {
				if !labels[label] {
					t.Errorf("%s: no line of %s has %s", name, program, label)
				}
			}
			if counted == 0 {
				t.Errorf("%s counts nothing of %s", name, program)
			}
		}
	}
	want := []any{"published", "challenge", "ignored", "app_rate_limited", "refused", "not_published", "no_workspace", "other_app", "refused"}
	if diff := cmp.Diff(want, values(lines["webhook"], "result")); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	want = []any{nil, nil, nil, nil, "signature", "pubsub", nil, nil, "busy"}
	if diff := cmp.Diff(want, values(lines["webhook"], "reason")); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	want = []any{"created", "unchanged", "updated", "removed", "unknown_user", "invalid", "malformed", "store", "disconnected", "unknown_workspace"}
	if diff := cmp.Diff(want, values(lines["worker"], "outcome")); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	// As the alerts on the API have them. Lines without a method are audit lines.
	want = []any{nil, nil, "missing_scope", "not_authed", "invalid_auth", "token_revoked", "token_expired", "ratelimited", "unknown_method", "invalid_auth", "internal_error"}
	requests := slices.DeleteFunc(lines["api"], func(line map[string]any) bool { return line["api_method"] == nil })
	if diff := cmp.Diff(want, values(requests, "refused")); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
}

func values(lines []map[string]any, field string) (all []any) {
	for _, line := range lines {
		all = append(all, line[field])
	}
	return all
}

// logged calls do and returns the lines that it logs.
func logged(t *testing.T, do func(*slog.Logger)) (lines []map[string]any) {
	t.Helper()
	var out bytes.Buffer
	do(service.NewLogger(&out, slog.LevelInfo, "p"))
	for line := range strings.Lines(out.String()) {
		var entry map[string]any
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, entry)
	}
	return lines
}

// takes is a publisher that fails with err.
type takes struct{ err error }

func (p takes) Publish(context.Context, directory.Change) error { return p.err }

func webhookLines(t *testing.T) []map[string]any {
	return logged(t, func(log *slog.Logger) {
		hook := func(p takes, appID string) http.Handler {
			return webhook.New(slack.NewVerifier(system.Secret), p, appID, log)
		}
		post := func(to http.Handler, secret, body string) {
			to.ServeHTTP(httptest.NewRecorder(), signed(secret, body, strings.NewReader(body)))
		}
		join := events.Callback("team_join", `{"id":"U1"}`, 1648596712000001, "Ev1")
		works := hook(takes{}, "")
		post(works, system.Secret, join)
		post(works, system.Secret, `{"type":"url_verification","challenge":"c"}`)
		post(works, system.Secret, events.Callback("channel_created", `{"id":"U1"}`, 1648596712000001, "Ev2"))
		post(works, system.Secret, `{"type":"app_rate_limited","team_id":"`+system.Team+`","minute_rate_limited":1}`)
		post(works, "another secret", join)
		post(hook(takes{errors.New("away")}, ""), system.Secret, join)
		post(works, system.Secret, strings.Replace(join, system.Team, "", 1))
		post(hook(takes{}, "A2"), system.Secret, join)
		crowd(works, func() { post(works, system.Secret, join) })
	})[:9] // without the crowd's own lines
}

// signed returns a request whose body comes from reader, with the signature of body.
func signed(secret, body string, reader io.Reader) *http.Request {
	r := httptest.NewRequest("POST", "/slack/events", reader)
	r.Header = fakeslack.Sign(secret, time.Now(), []byte(body))
	return r
}

// crowd calls do while strangers keep the webhook waiting for as many bodies as it has room for.
func crowd(webhook http.Handler, do func()) {
	var strangers sync.WaitGroup
	var held []*io.PipeWriter
	for range 4 {
		reader, writer := io.Pipe()
		held = append(held, writer)
		r := signed("another secret", "", reader)
		r.ContentLength = 1 << 20
		strangers.Go(func() { webhook.ServeHTTP(httptest.NewRecorder(), r) })
		writer.Write([]byte("{")) //nolint:errcheck // it is read, or the test fails
	}
	do()
	for _, writer := range held {
		writer.CloseWithError(io.ErrUnexpectedEOF)
	}
	strangers.Wait()
}

// away is a store that fails.
type away struct{ worker.Store }

func (away) User(context.Context, string, string) (directory.User, directory.Revision, error) {
	return directory.User{}, 0, errors.New("away")
}

func workerLines(t *testing.T) []map[string]any {
	store, err := sqlite.OpenTemporary()
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.PutWorkspace(t.Context(), directory.Workspace{ID: "T1", Name: "One"}); err != nil {
		t.Fatal(err)
	}
	return logged(t, func(log *slog.Logger) {
		deliver := func(to worker.Store, operation, user string, version int) {
			source := directory.FromEvent
			if operation == "delete" {
				source = directory.FromSync
			}
			data := fmt.Sprintf(`{"operation":%q,"team_id":"T1","user":{"id":%q},"version":%d,"source":%q,"event_id":"Ev1"}`, operation, user, version, source)
			if user == "U-elsewhere" {
				data = strings.Replace(data, "T1", "T2", 1)
			}
			body, err := push.Message{ID: "1", Data: []byte(data), PublishTime: time.Now()}.Encode()
			if err != nil {
				t.Fatal(err)
			}
			worker.New(to, worker.History{}, time.Second, log).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", bytes.NewReader(body)))
		}
		deliver(store, "insert", "U1", 1)
		deliver(store, "insert", "U1", 1)
		deliver(store, "update", "U1", 2)
		deliver(store, "delete", "U1", 3)
		deliver(store, "update", "U2", 1)
		deliver(store, "vanish", "U1", 4)
		worker.New(store, worker.History{}, time.Second, log).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader("{}")))
		deliver(away{store}, "insert", "U1", 5)
		deliver(store, "disconnect", "U1", 6)
		deliver(store, "insert", "U-elsewhere", 1)
	})
}

func uiLines(t *testing.T) []map[string]any {
	store, err := sqlite.OpenTemporary()
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.PutWorkspace(t.Context(), directory.Workspace{ID: "T1", Name: "One"}); err != nil {
		t.Fatal(err)
	}
	return logged(t, func(log *slog.Logger) {
		page := ui.New(t.Context(), ui.Options{Store: store, Log: log})
		for _, path := range []string{"/", "/users/T1/U1"} {
			page.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
		}
	})
}

// noTokens is a store of tokens that fails.
type noTokens struct{}

func (noTokens) Token(context.Context, string) (tokens.Token, error) {
	return tokens.Token{}, errors.New("away")
}

func apiLines(t *testing.T) []map[string]any {
	store, err := sqlite.OpenTemporary()
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.PutWorkspace(t.Context(), directory.Workspace{ID: "T1", Name: "One"}); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	token := func(name string, end func(*tokens.Token)) string {
		text, stored, err := tokens.New(name, []string{"T1"}, []string{tokens.UsersRead}, now.Add(-2*time.Hour), time.Time{})
		if err == nil {
			end(&stored)
			err = store.PutToken(t.Context(), stored)
		}
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good := token("crm", func(*tokens.Token) {})
	revoked := token("revoked", func(t *tokens.Token) { t.RevokedAt = now.Add(-time.Hour) })
	expired := token("expired", func(t *tokens.Token) { t.ExpiresAt = now.Add(-time.Hour) })
	unknown, _, err := tokens.New("unknown", []string{"T1"}, []string{tokens.UsersRead}, now, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return logged(t, func(log *slog.Logger) {
		o := api.Options{People: store, Workspaces: store, History: store, Tokens: store, Rate: 3, Log: log, Now: func() time.Time { return now }}
		works := api.New(o)
		o.Tokens = noTokens{}
		ask := func(to http.Handler, path, token string) {
			r := httptest.NewRequest("POST", path, nil)
			if token != "" {
				r.Header.Set("Authorization", "Bearer "+token)
			}
			to.ServeHTTP(httptest.NewRecorder(), r)
		}
		ask(works, "/api/users.list", good)
		ask(works, "/api/auth.test", good)
		ask(works, "/api/emoji.list", good)
		ask(works, "/api/users.list", "")
		ask(works, "/api/users.list", unknown)
		ask(works, "/api/users.list", revoked)
		ask(works, "/api/users.list", expired)
		ask(works, "/api/users.list", good)
		ask(works, "/api/nothing", good)
		ask(works, "/mcp", unknown)
		ask(api.New(o), "/api/users.list", good)
	})
}

func fullSyncLines(t *testing.T) []map[string]any {
	workspace := fakeslack.New(fakeslack.Options{People: 5, Log: slog.New(slog.DiscardHandler)})
	server := httptest.NewServer(workspace.Handler())
	defer server.Close()
	store, err := sqlite.OpenTemporary()
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	return logged(t, func(log *slog.Logger) {
		o := fullsync.Options{
			Slack: webapi.New(server.URL+"/api/", workspace.Options().BotToken, log),
			Store: store, Publisher: takes{}, Log: log, Progress: fullsync.NewProgress(nil, false, log), Plan: io.Discard,
		}
		if _, err := fullsync.Run(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		workspace.Uninstall("account_inactive")
		if _, err := fullsync.Run(t.Context(), o); !errors.Is(err, syncs.ErrDisconnected) {
			t.Fatalf("a sync of a workspace that removed the app: %v", err)
		}
	})
}
