package slack

import (
	"os"
	"testing"
)

// decodeAgain returns a function that decodes the same event each time.
func decodeAgain(tb testing.TB) func() {
	tb.Helper()
	body, err := os.ReadFile("testdata/events/user_change.json")
	if err != nil {
		tb.Fatal(err)
	}
	return func() {
		if r, err := DecodeRequest(body); err != nil || r.Change == nil {
			tb.Fatal("no change", err)
		}
	}
}

func BenchmarkDecodeRequest(b *testing.B) {
	decode := decodeAgain(b)
	b.ReportAllocs()
	for b.Loop() {
		decode()
	}
}
