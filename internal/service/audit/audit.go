// Package audit logs who saw whom: one line for each answer that shows a profile, or says
// whether there is one. Pages, exports, the live stream and everything else that reads the directory
// for a viewer write the same line, so that one query finds all of them.
package audit

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"maps"
	"slices"
)

// maxIDs bounds the ids in a line. Its count says how many there were.
const maxIDs = 100

// Log writes the lines.
type Log struct {
	to  *slog.Logger
	key []byte
}

// New returns a log that hashes the values of filters with key or, if it is empty, with a key that
// this process makes. With a shared key, equal searches can be recognised across instances and restarts,
// and whoever holds the key can check whether a suspected name was searched for. Without one, only lines
// of one instance can be compared, and nobody can try names. That is the default, because
// more people read logs than the directory.
func New(to *slog.Logger, key []byte) *Log {
	if len(key) == 0 {
		key = []byte(rand.Text())
	}
	return &Log{to, key}
}

// Entry is one answer.
type Entry struct {
	Viewer string // empty if nobody signs in
	View   string // what was shown: list, person, person_json, person_live, count, live, csv, json, changes, changes_live, changes_csv, changes_json, changes_count, or a method of an API
	Method string // HTTP's: a HEAD reveals whether a person exists, as a GET does
	Status int
	TeamID string
	// UserIDs are the people shown. If someone was asked for by id and not found, it is that id, and Count is 0.
	UserIDs []string
	Count   int               // how many were shown or counted
	Filters map[string]string // of the list; names are logged, values only as hashes
	Cut     bool              // the answer ended early
}

// Add adds the id of one more person shown, unless it is there already or the line is full.
func Add(ids []string, id string) []string {
	if len(ids) == maxIDs || slices.Contains(ids, id) {
		return ids
	}
	return append(ids, id)
}

// Shown writes the line of e.
func (l *Log) Shown(ctx context.Context, e Entry) {
	attrs := append(make([]slog.Attr, 0, 12), slog.Bool("audit", true), slog.String("viewer", e.Viewer), slog.String("view", e.View),
		slog.String("method", e.Method), slog.Int("status", e.Status), slog.String("team_id", e.TeamID), slog.Int("count", e.Count))
	if len(e.UserIDs) > 0 {
		attrs = append(attrs, slog.Any("user_ids", e.UserIDs[:min(len(e.UserIDs), maxIDs)]))
	}
	if len(e.Filters) > 0 {
		hashes := make([]any, 0, len(e.Filters))
		for _, name := range slices.Sorted(maps.Keys(e.Filters)) {
			hashes = append(hashes, slog.String(name, l.hash(name, e.Filters[name])))
		}
		attrs = append(attrs, slog.Group("filters", hashes...))
	}
	if e.Cut {
		attrs = append(attrs, slog.Bool("cut", true))
	}
	l.to.LogAttrs(ctx, slog.LevelInfo, "profiles shown", attrs...)
}

// Did logs an action that shows no profile.
func (l *Log) Did(ctx context.Context, viewer, what string) {
	l.to.LogAttrs(ctx, slog.LevelInfo, what, slog.Bool("audit", true), slog.String("viewer", viewer))
}

// hash is long enough to tell the values in a log apart. It includes the name, so that equal values of different filters differ.
func (l *Log) hash(name, value string) string {
	mac := hmac.New(sha256.New, l.key)
	mac.Write([]byte(name + "\x00" + value))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}
