package ui

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/store/sqlite"
	"rollcall/internal/syncs"
)

// BenchmarkPages measures the server time of each kind of page at 100,000 people. It uses nothing that was
// added or removed recently, so that this file can be copied into an older version of the package:
//
//	go test -run '^$' -bench Pages -count 10 ./internal/ui
func BenchmarkPages(b *testing.B) {
	s := inSQLite(b, 100_000)
	first := enliven(b, s)
	h := New(b.Context(), Options{Store: s, Log: slog.New(slog.DiscardHandler)})
	for _, p := range []struct{ name, path string }{
		{"list", "/"},
		{"list found", "/?q=" + url.QueryEscape("ma fi")},
		{"list filtered", "/?kind=guests&show=all"},
		{"list by change", "/?sort=changed"},
		{"person", "/users/" + team + "/" + first},
		{"changes", "/changes"},
		{"changes filtered", "/changes?type=user.updated&user=" + first},
		{"status", "/status"},
	} {
		b.Run(p.name, func(b *testing.B) {
			b.ReportAllocs()
			size := len(next50(b, h, p.path)) // and fills the caches
			for b.Loop() {
				next50(b, h, p.path)
			}
			b.ReportMetric(float64(size), "bytes")
		})
	}
}

// enliven gives a store two weeks of changes and full syncs. It returns the id of somebody who changed often.
func enliven(b *testing.B, s *sqlite.Store) string {
	b.Helper()
	const people, rounds = 100, 20
	page, err := s.Users(b.Context(), team, directory.PageRequest{Limit: people, Filter: directory.Filter{AccountStatus: directory.Active}})
	if err != nil {
		b.Fatal(err)
	}
	first := page.Users[0].ID
	if n, err := s.CountRecords(b.Context(), team, directory.RecordFilter{}); err != nil || n > 0 {
		return first
	}
	start := time.Now().AddDate(0, 0, -13)
	for i := range people * rounds {
		at, u := start.Add(time.Duration(i)*9*time.Minute), page.Users[i%people]
		object := fmt.Appendf(nil, `{"id":%q,"name":%q,"tz":%q,"profile":{"real_name":%q,"title":"Title %d"}}`, u.ID, u.Name, u.TZ, u.RealName, i)
		if err := change(b.Context(), s, object, directory.VersionOf(at)); err != nil {
			b.Fatal(err)
		}
	}
	for i := range maxSyncs {
		at := start.AddDate(0, 0, i)
		if err := s.PutSync(b.Context(), syncs.Sync{ID: fmt.Sprint(i), TeamID: team, State: syncs.Done, Started: at, Ended: at.Add(time.Minute)}); err != nil {
			b.Fatal(err)
		}
	}
	return first
}

func change(ctx context.Context, s *sqlite.Store, object []byte, v directory.Version) error {
	c, err := directory.NewChange(directory.Change{Operation: directory.Insert, TeamID: team, User: object, Version: v, Source: directory.FromEvent})
	if err != nil {
		return err
	}
	_, err = directory.ApplyTo(ctx, s, c, 90*24*time.Hour)
	return err
}
