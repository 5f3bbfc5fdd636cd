package faults

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"rollcall/internal/emulator"
)

// TestFirestore: whatever fault Firestore has, what is not written is
// delivered again, and Slack does not notice.
func TestFirestore(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault func(*testing.T, *rig)
	}{
		{"slow", func(_ *testing.T, r *rig) { r.store.slow(400 * time.Millisecond) }},
		{"refuses connections", func(_ *testing.T, r *rig) { r.store.refuse() }},
		{"cut in the middle of a write", func(_ *testing.T, r *rig) { r.store.cutThere(10_000) }},
		{"cut in the middle of its answer", func(_ *testing.T, r *rig) { r.store.cutBack(5000) }},
		{"silent", func(_ *testing.T, r *rig) { r.store.silence() }},
		{"stopped", func(t *testing.T, _ *rig) {
			emulator.Firestore(t).Pause(t)
			time.AfterFunc(lasts, func() { emulator.Firestore(t).Resume(t) })
		}},
		{"aborts writes", func(_ *testing.T, r *rig) {
			r.writing.disturb(judges{before: r.often(50, always(codes.Aborted), "Commit")})
		}},
		{"unavailable at times", func(_ *testing.T, r *rig) {
			r.writing.disturb(judges{before: r.often(30, always(codes.Unavailable), "Commit", "BatchGetDocuments")})
		}},
		{"unavailable", func(_ *testing.T, r *rig) {
			r.writing.disturb(judges{before: always(codes.Unavailable)})
		}},
		{"overloaded", func(_ *testing.T, r *rig) {
			r.writing.disturb(judges{before: r.often(50, always(codes.ResourceExhausted), "Commit", "BatchGetDocuments")})
		}},
		{"writes and says it was aborted", func(_ *testing.T, r *rig) {
			r.writing.disturb(judges{after: r.often(50, always(codes.Aborted), "Commit")})
		}},
		{"writes and says it is unavailable", func(_ *testing.T, r *rig) {
			r.writing.disturb(judges{after: r.often(50, always(codes.Unavailable), "Commit")})
		}},
		{"writes and does not say so", func(_ *testing.T, r *rig) {
			r.writing.disturb(judges{after: r.often(5, silent, "Commit")})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, hurried)
			if n := r.suffer(t, few(), func() { tt.fault(t, r) }); n.accepted == 0 || n.refused+n.unanswered > 0 {
				t.Error(n)
			}
		})
	}
}
