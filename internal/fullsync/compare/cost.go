package compare

import "math"

// The cost model, in reads that Firestore bills. The write of a repair costs
// three times as much, but the same however its need was found.

const (
	// entriesPerRead is how many index entries an aggregation counts for one billed read
	// (Firestore's page "Understand Cloud Firestore billing").
	entriesPerRead = 1000
	// saturation makes the search fetch early instead of splitting once every range
	// differs. It costs little when there are merely many differences.
	saturation = 4
)

// QueryReads is what an aggregation over n people costs.
func QueryReads(n int) int { return int(aggregationReads(float64(n))) }

// FetchReads is what reading n people costs.
func FetchReads(n int) int { return max(1, n) }

func aggregationReads(entries float64) float64 { return max(1, math.Ceil(entries/entriesPerRead)) }

func fetchReads(documents float64) float64 { return max(1, documents) }

// density estimates how many differences an unequal range has, from the share of
// ranges that are unequal. Differences fall into ranges at random.
func density(unequal, ranges int) float64 {
	m, k := float64(unequal), float64(ranges)
	if unequal >= ranges {
		// On average it takes log(k) differences a range to hit all k ranges, and there may
		// be many more.
		return max(1, saturation*math.Log(k))
	}
	return max(1, -k*math.Log1p(-m/k)/m)
}

// worthSplitting reports whether halving a range of n stored users with d
// differences is cheaper than reading it.
func worthSplitting(n, d float64) bool { return n > 0 && splitReads(n, d) < fetchReads(n) }

// splitReads is the cost of querying one half and then searching the halves that
// differ, each in the cheaper way.
func splitReads(n, d float64) float64 {
	half, differs := n/2, 1-math.Exp2(-d)
	d = d / 2 / differs // in a half that has any
	return aggregationReads(half) + 2*differs*findReads(half, d)
}

// findReads is the cost of finding d differences among n users.
func findReads(n, d float64) float64 {
	if n <= 2 {
		return fetchReads(n)
	}
	return min(fetchReads(n), splitReads(n, d))
}
