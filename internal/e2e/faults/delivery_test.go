package faults

import (
	"testing"
	"time"

	"rollcall/internal/e2e/events"
)

// TestDelivery: however Pub/Sub delivers, each user is stored as in their newest event.
func TestDelivery(t *testing.T) {
	withUnknown := few()
	withUnknown.Unknown = 3
	for _, tt := range []struct {
		name  string
		mix   events.Mix
		fault func(*rig)
	}{
		{"slow", few(), func(r *rig) { r.push.slow(400 * time.Millisecond) }},
		{"refused", few(), func(r *rig) { r.push.refuse() }},
		{"cut", few(), func(r *rig) { r.push.cutThere(3000) }},
		{"cut in the middle of the answer", few(), func(r *rig) { r.push.cutBack(100) }},
		{"duplicated", few(), func(r *rig) {
			r.deliveries.disturb(mess{perMille: [kinds]int{unheard: 200, together: 200, again: 200}, again: 5 * time.Second})
		}},
		{"reordered and delayed", few(), func(r *rig) {
			r.deliveries.disturb(mess{perMille: [kinds]int{late: 500, lost: 100}, late: 300 * time.Millisecond})
		}},
		{"all of it", withUnknown, func(r *rig) {
			r.push.slow(50 * time.Millisecond)
			r.deliveries.disturb(mess{perMille: [kinds]int{100, 100, 100, 100, 100}, late: 300 * time.Millisecond, again: 5 * time.Second})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t, hurried)
			if n := r.suffer(t, tt.mix, func() { tt.fault(r) }); n.accepted == 0 || n.refused+n.unanswered > 0 {
				t.Error(n)
			}
			t.Logf("of the deliveries %d were late, %d unheard, %d lost, %d doubled, %d repeated", r.deliveries.messed[late],
				r.deliveries.messed[unheard], r.deliveries.messed[lost], r.deliveries.messed[together], r.deliveries.messed[again])
		})
	}
}
