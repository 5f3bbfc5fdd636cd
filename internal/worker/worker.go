// Package worker applies changes that Pub/Sub pushes to the directory. It is
// the only writer of users.
package worker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"

	"rollcall/internal/directory"
	"rollcall/internal/pubsub/push"
)

// maxBody is above what Pub/Sub delivers at most: 10 MB of data in base64.
const maxBody = 16 << 20

// Store is where users are kept.
type Store interface {
	// User returns a user and its revision, or [directory.ErrNotFound].
	User(ctx context.Context, teamID, userID string) (directory.User, directory.Revision, error)
	// PutUser writes u if the stored revision is still the expected one (zero: none
	// stored), and fails with [directory.ErrConflict] otherwise.
	PutUser(ctx context.Context, u directory.User, expected directory.Revision) error
}

type handler struct {
	store  Store
	within time.Duration
	log    *slog.Logger
}

// New returns the push endpoint. An answer of 200 acknowledges the message;
// any other has Pub/Sub deliver it again and, after five, park it. A message is
// given up within that time, which must be below the subscription's ack deadline.
func New(store Store, within time.Duration, log *slog.Logger) http.Handler {
	h := &handler{store, within, log}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{$}", h.receive)
	// The emulator and some proxies name the topic in the path.
	mux.HandleFunc("POST /projects/{project}/topics/{topic}", h.receive)
	return mux
}

// statuses is the one table from errors to answers. What is not in it is the store's trouble: 503.
var statuses = []struct {
	err    error
	status int
}{
	{push.ErrEnvelope, http.StatusBadRequest},
	{errTooLarge, http.StatusRequestEntityTooLarge},
	{directory.ErrInvalid, http.StatusBadRequest},
	{directory.ErrUnknownUser, http.StatusConflict},
}

var errTooLarge = errors.New("body is too large")

func (h *handler) receive(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	m, err := readMessage(w, r)
	var c directory.Change
	var outcome directory.Outcome
	if err == nil {
		if c, err = directory.DecodeChange(m.Data); err == nil {
			ctx, cancel := context.WithTimeout(r.Context(), h.within)
			defer cancel()
			outcome, err = Apply(ctx, h.store, c)
		}
	}
	status := http.StatusOK
	if err != nil {
		status = http.StatusServiceUnavailable
		for _, s := range statuses {
			if errors.Is(err, s.err) {
				status = s.status
				break
			}
		}
	}
	h.logMessage(r.Context(), m, c, outcome, status, err, time.Since(start))
	if err != nil {
		http.Error(w, http.StatusText(status), status)
	}
}

func readMessage(w http.ResponseWriter, r *http.Request) (push.Message, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return push.Message{}, errTooLarge
	} else if err != nil {
		return push.Message{}, fmt.Errorf("%w: body could not be read", push.ErrEnvelope)
	}
	return push.Decode(body)
}

// Apply reads the user that c is about, decides by the rules of
// [directory.Apply], and writes on condition that nothing changed meanwhile;
// if something did, it starts over until ctx ends.
func Apply(ctx context.Context, store Store, c directory.Change) (directory.Outcome, error) {
	retry := backoff.NewExponentialBackOff()
	retry.InitialInterval, retry.MaxInterval = 5*time.Millisecond, 500*time.Millisecond
	return backoff.Retry(ctx, func() (directory.Outcome, error) {
		outcome, err := applyOnce(ctx, store, c)
		if err != nil && !errors.Is(err, directory.ErrConflict) {
			return "", backoff.Permanent(err)
		}
		return outcome, err
	}, backoff.WithBackOff(retry), backoff.WithMaxElapsedTime(0))
}

func applyOnce(ctx context.Context, store Store, c directory.Change) (directory.Outcome, error) {
	stored, revision, err := store.User(ctx, c.TeamID, c.UserID())
	current := &stored
	if errors.Is(err, directory.ErrNotFound) {
		current, revision = nil, 0
	} else if err != nil {
		return "", fmt.Errorf("read user: %w", err)
	}
	next, outcome, err := directory.Apply(current, c)
	if err != nil || outcome == directory.Unchanged {
		return outcome, err
	}
	if err := store.PutUser(ctx, next, revision); err != nil {
		return "", fmt.Errorf("write user: %w", err)
	}
	return outcome, nil
}

// logMessage writes the one line of a delivery: who and what, never a profile.
func (h *handler) logMessage(ctx context.Context, m push.Message, c directory.Change, outcome directory.Outcome, status int, err error, took time.Duration) {
	attrs := []slog.Attr{
		slog.Int("status", status),
		slog.Duration("took", took),
		slog.String("message_id", m.ID),
		slog.Int("delivery_attempt", m.DeliveryAttempt),
	}
	if c.Operation != "" {
		attrs = append(attrs,
			slog.String("operation", string(c.Operation)),
			slog.String("team_id", c.TeamID),
			slog.String("user_id", c.UserID()),
			slog.Int64("version", int64(c.Version)),
			slog.String("source", string(c.Source)),
			slog.String("event_id", c.EventID))
	}
	level, message := slog.LevelInfo, "applied"
	switch {
	case err == nil:
		attrs = append(attrs, slog.String("outcome", string(outcome)))
	case errors.Is(err, directory.ErrUnknownUser):
		level, message = slog.LevelWarn, "not applied yet"
	default:
		level, message = slog.LevelError, "not applied"
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	h.log.LogAttrs(ctx, level, message, attrs...)
}
