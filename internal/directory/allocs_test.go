//go:build !race

package directory

import "testing"

// allocationBudgets are what each step may take. Only apply and join parse the user object whole.
var allocationBudgets = map[string]float64{"encode": 5, "decode": 6, "apply": 75, "join": 100}

func TestAllocations(t *testing.T) {
	for name, step := range steps(t) {
		if got := testing.AllocsPerRun(100, step); got > allocationBudgets[name] {
			t.Errorf("%s: %.0f allocations, the budget is %.0f", name, got, allocationBudgets[name])
		}
	}
}
