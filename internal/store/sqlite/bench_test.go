package sqlite

import (
	"fmt"
	"sync"
	"testing"

	"rollcall/internal/directory"
)

// BenchmarkPut writes a thousand users who come together.
func BenchmarkPut(b *testing.B) {
	s, err := OpenTemporary()
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	n := 0
	for b.Loop() {
		var wg sync.WaitGroup
		for range 1000 {
			n++
			u, err := directory.FromListing("T1", fmt.Appendf(nil, `{"id":"U%07d","name":"ada%d.lovelace","tz":"Europe/London","profile":{"real_name":"Ada%d Lovelace","display_name":"ada","email":"ada%d.lovelace@example.com","title":"Senior Software Engineer"}}`, n, n%997, n%997, n%997))
			if err != nil {
				b.Fatal(err)
			}
			wg.Go(func() {
				if err := s.PutUser(b.Context(), u, 0, nil); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
	}
}
