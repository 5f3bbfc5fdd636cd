//go:build !race

package driver

import "testing"

// TestAllocations: a request allocates at most 1.5 times as much as the baseline that
// checks the signature and publishes.
func TestAllocations(t *testing.T) {
	s, err := newStack(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	body, err := newTraffic(Mix{"user_change": 1}, 1, 1).next()
	if err != nil {
		t.Fatal(err)
	}
	taken := map[string]float64{}
	for _, part := range []string{Publishes, Webhook} {
		a, err := countAllocs(t.Context(), s.urls[part], secret, body, 1, sequentialRequests)
		if err != nil {
			t.Fatal(err)
		}
		taken[part] = a.objects
	}
	if taken[Webhook] > 1.5*taken[Publishes] {
		t.Errorf("%.0f allocations a request; the baseline takes %.0f", taken[Webhook], taken[Publishes])
	}
}
