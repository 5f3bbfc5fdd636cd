package faults

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
)

// TestPubSub: whatever fault Pub/Sub has, every event that was answered 200 is published.
func TestPubSub(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault func(*rig)
		none  bool // no event is accepted during the fault
	}{
		{"slow", func(r *rig) { r.topic.slow(400 * time.Millisecond) }, false},
		{"too slow", func(r *rig) { r.topic.slow(10 * time.Second) }, true},
		{"refuses connections", func(r *rig) { r.topic.refuse() }, true},
		{"cut in the middle of a publish", func(r *rig) { r.topic.cutThere(4000) }, false},
		{"cut in the middle of its answer", func(r *rig) { r.topic.cutBack(600) }, false},
		{"silent", func(r *rig) { r.topic.silence() }, true},
		{"unavailable", func(r *rig) { r.publishing.disturb(judges{before: always(codes.Unavailable)}) }, true},
		{"overloaded", func(r *rig) { r.publishing.disturb(judges{before: always(codes.ResourceExhausted)}) }, true},
		{"forbidden", func(r *rig) { r.publishing.disturb(judges{before: always(codes.PermissionDenied)}) }, true},
		{"takes it and says it does not", func(r *rig) { r.publishing.disturb(judges{after: always(codes.Internal)}) }, true},
		{"takes it and does not say so", func(r *rig) { r.publishing.disturb(judges{after: silent}) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, hurried)
			n := r.suffer(t, few(), func() { tt.fault(r) })
			if tt.none && n.accepted > 0 || n.unanswered > 0 {
				t.Error(n)
			}
			if tt.none && n.refused == 0 {
				t.Error("none was refused: the test proves nothing")
			}
		})
	}
}
