package firestore

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rollcall/internal/directory"
)

// BenchmarkContention is 32 deliveries that fight over ten people: of the status and
// of the title, with history and without. In the end everybody is as the newest message says.
func BenchmarkContention(b *testing.B) {
	const deliveries, people = 32, 10
	for _, bench := range []struct {
		name, field string
		history     time.Duration
	}{
		{"status", "status_text", time.Hour},
		{"title", "title", time.Hour},
		{"title/no history", "title", 0},
	} {
		b.Run(bench.name, func(b *testing.B) {
			s := open(b, &recorder{seen: map[string]query{}})
			change := func(op directory.Operation, n int64) directory.Change {
				c, err := directory.NewChange(directory.Change{Operation: op, TeamID: "T1", Version: directory.Version(n), Source: directory.FromEvent,
					User: fmt.Appendf(nil, `{"id":"U%d","name":"ada","profile":{%q:"v%d"}}`, n%people, bench.field, n)})
				if err != nil {
					b.Fatal(err)
				}
				return c
			}
			for n := range int64(people) {
				if _, err := directory.ApplyTo(b.Context(), s, change(directory.Insert, n+1), bench.history); err != nil {
					b.Fatal(err)
				}
			}
			var next atomic.Int64
			next.Store(people)
			b.ResetTimer()
			var delivering sync.WaitGroup
			for range deliveries {
				delivering.Go(func() {
					for {
						n := next.Add(1)
						if n > int64(people+b.N) {
							return
						}
						if _, err := directory.ApplyTo(context.WithoutCancel(b.Context()), s, change(directory.Update, n), bench.history); err != nil {
							b.Error(err)
						}
					}
				})
			}
			delivering.Wait()
			b.StopTimer()
			wrong := 0
			for i := range int64(people) {
				newest := int64(people+b.N) - ((int64(people+b.N)-i)%people+people)%people
				u, _, err := s.User(b.Context(), "T1", fmt.Sprintf("U%d", i))
				if want := fmt.Sprintf("v%d", newest); err != nil || u.Title != want && u.StatusText != want {
					wrong++
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "changes/s")
			if b.ReportMetric(float64(wrong), "wrong"); wrong > 0 {
				b.Errorf("%d of %d people are wrong", wrong, people)
			}
		})
	}
}
