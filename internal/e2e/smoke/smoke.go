// Package smoke tests a deployment. It invents a person in a hidden workspace, has them
// join, change and leave as Slack would and removes them as a full sync would, and waits
// for the store to show each step.
package smoke

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
)

// Store is where the person appears.
type Store interface {
	PutWorkspace(ctx context.Context, w directory.Workspace) error
	User(ctx context.Context, teamID, userID string) (directory.User, directory.Revision, error)
}

// Publisher removes the person as a full sync does.
type Publisher interface {
	Publish(context.Context, directory.Change) error
}

// Test is one smoke test.
type Test struct {
	Webhook   string        // the URL that Slack posts to
	API       string        // the base address for Slack SDKs; empty to leave it out
	Secret    string        // Slack's signing secret
	Timeout   time.Duration // of each step
	Store     Store
	Publisher Publisher
	Out       io.Writer
}

// workspace is hidden from all pages. Slack has no such id.
const workspace = "T0-SMOKE-TEST"

const pollInterval = 100 * time.Millisecond

// person is the user object of the invented person.
type person struct {
	ID      string         `json:"id"`
	TeamID  string         `json:"team_id"`
	Name    string         `json:"name"`
	Deleted bool           `json:"deleted"`
	Profile map[string]any `json:"profile"`
}

// Run runs the test. It removes the person whatever happens.
func (t Test) Run(ctx context.Context) (err error) {
	p := person{
		ID: "U" + rand.Text()[:12], TeamID: workspace, Name: "smoke-test",
		Profile: map[string]any{"real_name": "Smoke Test", "status_text": ""},
	}
	if err := t.refusesUnsigned(ctx); err != nil {
		return err
	}
	if t.API != "" {
		if err := t.refusesUnknownToken(ctx); err != nil {
			return err
		}
	}
	if err := t.Store.PutWorkspace(ctx, directory.Workspace{ID: workspace, Name: "Smoke test", Hidden: true}); err != nil {
		return err
	}
	remove := func() error {
		c, err := directory.NewChange(directory.Change{
			Operation: directory.Delete, TeamID: p.TeamID, Source: directory.FromSync, Version: now(),
			User: json.RawMessage(fmt.Sprintf(`{"id":%q}`, p.ID)),
		})
		if err != nil {
			return err
		}
		return t.Publisher.Publish(context.WithoutCancel(ctx), c)
	}
	gone := false
	defer func() {
		if !gone {
			err = errors.Join(err, remove())
		}
	}()
	var whole time.Duration
	for _, step := range []struct {
		what string
		act  func() error
		seen func(directory.User, error) bool
	}{
		{"joined", func() error { return t.post(ctx, "team_join", p) },
			func(u directory.User, err error) bool { return err == nil && u.Name == p.Name }},
		{"changed", func() error { p.Profile["status_text"] = "Testing"; return t.post(ctx, "user_change", p) },
			func(u directory.User, err error) bool { return err == nil && u.StatusText == "Testing" }},
		{"left", func() error { p.Deleted = true; return t.post(ctx, "user_change", p) },
			func(u directory.User, err error) bool { return err == nil && u.Deleted }},
		{"gone", func() error { err := remove(); gone = err == nil; return err },
			func(u directory.User, err error) bool {
				return errors.Is(err, directory.ErrNotFound) || err == nil && u.Removed
			}},
	} {
		start := time.Now()
		if err := step.act(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		accepted := time.Since(start)
		if err := t.wait(ctx, p, step.seen); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
		took := time.Since(start)
		whole += took
		fmt.Fprintf(t.Out, "%-8s accepted after %v, visible after %v\n", step.what, accepted.Round(time.Millisecond), took.Round(time.Millisecond))
	}
	fmt.Fprintf(t.Out, "ok       %v in all\n", whole.Round(time.Millisecond))
	return nil
}

// refusesUnsigned fails if the webhook accepts an unsigned request.
func (t Test) refusesUnsigned(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.Webhook, bytes.NewReader([]byte(`{}`)))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("unsigned request: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("unsigned request: answered %s, want 401", answer.Status)
	}
	fmt.Fprintln(t.Out, "unsigned request refused")
	return nil
}

// refusesUnknownToken fails unless the API has looked a token up and not found it.
func (t Test) refusesUnknownToken(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(t.API, "/")+"/auth.test", nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer rct_"+rand.Text()+rand.Text())
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("unknown token: %w", err)
	}
	defer response.Body.Close()
	var answer struct{ Error string }
	if err := json.NewDecoder(io.LimitReader(response.Body, 64<<10)).Decode(&answer); err != nil {
		return fmt.Errorf("unknown token: answered %s: %w", response.Status, err)
	}
	if answer.Error != "invalid_auth" {
		return fmt.Errorf("unknown token: answered %q, want invalid_auth", answer.Error)
	}
	fmt.Fprintln(t.Out, "unknown token refused")
	return nil
}

// post sends an event as Slack does, and retries once, because an instance may have to start.
func (t Test) post(ctx context.Context, eventType string, p person) error {
	v := now()
	envelope, err := json.Marshal(map[string]any{
		"type": "event_callback", "team_id": p.TeamID, "event_id": "Ev" + rand.Text()[:12], "event_time": v / 1e6,
		"event": map[string]any{"type": eventType, "user": p, "event_ts": fmt.Sprintf("%d.%06d", v/1e6, v%1e6)},
	})
	if err != nil {
		return err
	}
	return fakeslack.Deliverer{URL: t.Webhook, Secret: t.Secret, RetryWaits: []time.Duration{time.Second}}.Deliver(ctx, envelope)
}

func (t Test) wait(ctx context.Context, p person, seen func(directory.User, error) bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, t.Timeout, fmt.Errorf("not visible within %v", t.Timeout))
	defer cancel()
	for {
		u, _, err := t.Store.User(ctx, p.TeamID, p.ID)
		if seen(u, err) {
			return nil
		}
		if err != nil && !errors.Is(err, directory.ErrNotFound) && ctx.Err() == nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(pollInterval):
		}
	}
}

func now() directory.Version { return directory.Version(time.Now().UnixMicro()) }
