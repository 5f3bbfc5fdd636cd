//go:build !race

package slack

import "testing"

// allocationBudget is the maximum for decoding an event, whatever else is in the user object.
const allocationBudget = 15

func TestAllocations(t *testing.T) {
	if got := testing.AllocsPerRun(100, decodeAgain(t)); got > allocationBudget {
		t.Errorf("%.0f allocations an event, the budget is %d", got, allocationBudget)
	}
}
