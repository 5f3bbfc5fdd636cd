//go:build !race

package worker

import "testing"

// allocationBudget is what a message may take besides the server and the store. Nearly
// all of it is the user object, decoded once and encoded once.
const allocationBudget = 300

func TestAllocations(t *testing.T) {
	deliver, _ := deliverAgain(t, status)
	if got := testing.AllocsPerRun(100, deliver); got > allocationBudget {
		t.Errorf("%.0f allocations a message, the budget is %d", got, allocationBudget)
	}
}
