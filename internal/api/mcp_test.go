package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/tokens"
)

// bearer adds the token to each request.
type bearer string

func (b bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// connect returns a session of the SDK's own client.
func (w *world) connect(t *testing.T, token string) (*mcp.ClientSession, error) {
	t.Helper()
	s, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(context.WithoutCancel(t.Context()), &mcp.StreamableClientTransport{
		Endpoint: strings.TrimSuffix(w.base, prefix) + mcpPath, HTTPClient: &http.Client{Transport: bearer(token)}}, nil)
	if err == nil {
		t.Cleanup(func() { s.Close() })
	}
	return s, err
}

// use calls a tool and returns its structured answer, or the error that a model sees.
func use(t *testing.T, s *mcp.ClientSession, tool string, args map[string]any) (answer map[string]any, failed string) {
	t.Helper()
	result, err := s.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: args})
	if err != nil {
		return nil, err.Error()
	}
	if result.IsError {
		return nil, result.Content[0].(*mcp.TextContent).Text
	}
	raw, err := json.Marshal(result.StructuredContent)
	if err == nil {
		err = json.Unmarshal(raw, &answer)
	}
	if err != nil {
		t.Fatal(err)
	}
	return answer, ""
}

// TestMCP: the SDK's client lists the tools that its token may use, and calls each.
func TestMCP(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 10})
	w.sync(t)
	v := directory.VersionOf(time.Now())
	w.apply(t, v, `{"id":"U1","team_id":"T0ROLLCALL","tz":"Europe/London","profile":{"email":"ada@example.com","real_name":"Ada","title":"`+strings.Repeat("é", 600)+`","fields":{"Xf0BADGENUMB":{"value":"badge 7"}}}}`)
	w.apply(t, v+1, `{"id":"U1","team_id":"T0ROLLCALL","tz":"Europe/London","profile":{"email":"ada@example.com","real_name":"Ada","title":"Countess","fields":{"Xf0BADGENUMB":{"value":"badge 8"}}}}`)
	for _, tt := range []struct {
		scopes, tools []string
	}{
		{tokens.Scopes, []string{"get_person", "list_changes", "search_people"}},
		{[]string{tokens.UsersRead}, []string{"get_person", "search_people"}},
		{[]string{tokens.ChangesRead}, []string{"list_changes"}},
		{[]string{tokens.TeamRead}, nil},
	} {
		s, err := w.connect(t, w.token(t, tt.scopes...))
		if err != nil {
			t.Fatal(err)
		}
		listed := &mcp.ListToolsResult{}
		if len(tt.tools) > 0 {
			if listed, err = s.ListTools(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
		}
		var names []string
		for _, tool := range listed.Tools {
			names = append(names, tool.Name)
			if !tool.Annotations.ReadOnlyHint || tool.Description == "" || tool.InputSchema == nil {
				t.Errorf("%+v", tool)
			}
		}
		slices.Sort(names)
		if !slices.Equal(names, tt.tools) {
			t.Errorf("%v: tools %v, want %v", tt.scopes, names, tt.tools)
		}
		for _, name := range []string{"get_person", "list_changes", "search_people"} {
			answer, failed := use(t, s, name, map[string]any{"user": "U1"}) // no tool is confused by another's argument
			if name == "search_people" {
				answer, failed = use(t, s, name, nil)
			}
			if slices.Contains(tt.tools, name) != (failed == "") {
				t.Errorf("%v: %s: %v, %s", tt.scopes, name, answer, failed)
			}
			text, all := fmt.Sprint(answer), len(tt.scopes) == len(tokens.Scopes)
			if strings.Contains(text, "ada@example.com") && !all || strings.Contains(text, "badge") && !all {
				t.Errorf("%v: %s shows too much: %s", tt.scopes, name, text)
			}
		}
	}

	s, err := w.connect(t, w.token(t, tokens.Scopes...))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		tool string
		args map[string]any
		want string // in the answer, or in the error
	}{
		{"search_people", map[string]any{"query": "ada", "limit": 1}, "real_name:Ada"},
		{"search_people", map[string]any{"limit": 2}, "next_cursor"},
		{"search_people", map[string]any{"limit": 51}, "invalid_limit"},
		{"search_people", map[string]any{"kind": "nobody"}, "invalid_arguments"},
		{"search_people", map[string]any{"cursor": "x"}, "invalid_cursor"},
		{"search_people", map[string]any{"nonsense": 1}, "nonsense"},
		{"get_person", map[string]any{"user": "U1"}, "Badge number:badge 8"},
		{"get_person", map[string]any{"email": "ADA@example.com"}, "title:Countess"},
		{"get_person", map[string]any{"user": "a/b"}, "user_not_found"},
		{"get_person", nil, "user_not_found"},
		{"list_changes", map[string]any{"user": "U1"}, "profile.title:Countess"},
		{"list_changes", map[string]any{"types": "user.created", "limit": 1}, "has_more"},
		{"list_changes", map[string]any{"types": "x"}, "invalid_arguments"},
		{"list_changes", map[string]any{"limit": 101}, "invalid_limit"},
	} {
		answer, failed := use(t, s, tt.tool, tt.args)
		if text := fmt.Sprint(answer, failed); !strings.Contains(text, tt.want) {
			t.Errorf("%s %v: %s, want %s", tt.tool, tt.args, text, tt.want)
		}
	}
	if s, err = w.connect(t, w.token(t, tokens.UsersRead)); err != nil {
		t.Fatal(err)
	}
	for tool, args := range map[string]map[string]any{"search_people": {"query": "ada"}, "get_person": {"email": "ada@example.com"}} {
		if _, failed := use(t, s, tool, args); failed != "missing_scope: the token needs users:read.email" {
			t.Errorf("%s: %s", tool, failed)
		}
	}
	if text := w.log.String(); strings.Contains(text, "Countess") || strings.Contains(text, "ada@") || !strings.Contains(text, `"view":"search_people"`) {
		t.Error("the log names people, or has no audit line")
	}
}

// TestMCPRefuses: without a valid token, or with too much of anything, the answer has HTTP's status.
func TestMCPRefuses(t *testing.T) {
	w := newWorld(t, fakeslack.Options{People: 3})
	token := w.token(t, tokens.Scopes...)
	const call = `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`
	for _, tt := range []struct {
		method, authorization, body string
		want                        int
	}{
		{"POST", "", call, 401},
		{"POST", "Basic " + token, call, 401},
		{"POST", "Bearer " + token[1:], call, 401},
		{"POST", "Bearer " + token, strings.Repeat(" ", maxBody+1), 413},
		{"POST", "Bearer " + token, "nonsense", 400},
		{"POST", "Bearer " + token, `[` + call + `]`, 400},
		{"GET", "Bearer " + token, "", 405},
		{"DELETE", "Bearer " + token, "", 405},
		{"GET", "", "", 401},
		{"POST", "Bearer " + token, call, 200},
	} {
		r, err := http.NewRequestWithContext(t.Context(), tt.method, strings.TrimSuffix(w.base, prefix)+mcpPath, strings.NewReader(tt.body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		if tt.authorization != "" {
			r.Header.Set("Authorization", tt.authorization)
		}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != tt.want || (tt.want == 401) != (resp.Header.Get("WWW-Authenticate") != "") {
			t.Errorf("%s %.30q: status %d, header %v, want %d", tt.method, tt.body, resp.StatusCode, resp.Header, tt.want)
		}
	}
}
