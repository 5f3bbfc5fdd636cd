// Package audit writes down who was shown whom: one line for each answer that shows a profile, or says
// whether there is one. Pages, exports, the live stream and whatever else reads the directory for
// somebody use the same line, so that one query finds all of them.
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

// maxIDs bounds how many ids a line names. The count says how many there were.
const maxIDs = 100

// Log writes the lines.
type Log struct {
	to  *slog.Logger
	key []byte
}

// New returns a log whose filters' values are hashed with key, or, if that is empty, with one of this process's
// own. With a common key equal searches can be told across instances and restarts, and whoever
// holds it can tell whether a name that they suspect was searched for. Without one only lines
// of one instance can be compared, and nobody can try out names: that is the default, because a
// log is read by more people than the directory is.
func New(to *slog.Logger, key []byte) *Log {
	if len(key) == 0 {
		key = []byte(rand.Text())
	}
	return &Log{to, key}
}

// Entry is one answer.
type Entry struct {
	Viewer string // empty where nobody signs in
	View   string // what was answered: list, person, count, live, csv, json, changes, changes_live, changes_csv, changes_json, or a method of an API
	Method string // of HTTP: a HEAD tells as much as a GET whether somebody is there
	Status int
	TeamID string
	// UserIDs are those who were shown. Of somebody who was asked for by id and not found, it is that id, and Count is 0.
	UserIDs []string
	Count   int               // how many were shown or counted
	Filters map[string]string // what the list was narrowed down by; only the names and the values' hashes are logged
	Cut     bool              // the answer ended early
}

// Add adds the id of one more who is shown, unless it is there or there are as many as a line names.
func Add(ids []string, id string) []string {
	if len(ids) == maxIDs || slices.Contains(ids, id) {
		return ids
	}
	return append(ids, id)
}

// Shown writes e's line.
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

// Did writes down what somebody did that shows no profile.
func (l *Log) Did(ctx context.Context, viewer, what string) {
	l.to.LogAttrs(ctx, slog.LevelInfo, what, slog.Bool("audit", true), slog.String("viewer", viewer))
}

// hash is long enough to tell the values of a log apart. The name is part of it, so that equal values of different filters differ.
func (l *Log) hash(name, value string) string {
	mac := hmac.New(sha256.New, l.key)
	mac.Write([]byte(name + "\x00" + value))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}
