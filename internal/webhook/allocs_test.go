//go:build !race

package webhook

import "testing"

// allocationBudget is the maximum for an event, without the server and Pub/Sub.
const allocationBudget = 38

func TestAllocations(t *testing.T) {
	if got := testing.AllocsPerRun(100, handleAgain(t)); got > allocationBudget {
		t.Errorf("%.0f allocations an event, the budget is %d", got, allocationBudget)
	}
}
