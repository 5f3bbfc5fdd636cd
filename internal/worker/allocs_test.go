//go:build !race

package worker

import "testing"

// allocationBudget is the maximum for a message, without the server and the store. Nearly
// all of it is for decoding and encoding the user object once.
const allocationBudget = 300

func TestAllocations(t *testing.T) {
	deliver, _ := deliverAgain(t, status)
	if got := testing.AllocsPerRun(100, deliver); got > allocationBudget {
		t.Errorf("%.0f allocations a message, the budget is %d", got, allocationBudget)
	}
}
