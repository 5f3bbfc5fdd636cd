//go:build !race

package webhook

import "testing"

// allocationBudget is what an event may take besides the server and Pub/Sub.
const allocationBudget = 44

func TestAllocations(t *testing.T) {
	if got := testing.AllocsPerRun(100, handleAgain(t)); got > allocationBudget {
		t.Errorf("%.0f allocations an event, the budget is %d", got, allocationBudget)
	}
}
