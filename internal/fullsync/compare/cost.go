package compare

import "math"

// The cost model, in reads that Firestore bills. The write of a repair costs
// three times as much, but the same however its need was found.

const (
	// entriesPerRead is how many index entries an aggregation counts for one billed read
	// (Firestore's page "Understand Cloud Firestore billing").
	entriesPerRead = 1000
	// saturated makes a directory that differs everywhere cost hardly more than to
	// read it, and costs little where differences are merely many.
	saturated = 4
)

// QueryReads is what an aggregation over n people costs.
func QueryReads(n int) int { return int(aggregationReads(float64(n))) }

// FetchReads is what reading n people costs.
func FetchReads(n int) int { return max(1, n) }

func aggregationReads(entries float64) float64 { return max(1, math.Ceil(entries/entriesPerRead)) }

func fetchReads(documents float64) float64 { return max(1, documents) }

// density estimates how many differences each of the unequal ranges has, from
// how many of all ranges of this size are unequal: differences fall into ranges at random.
func density(unequal, ranges int) float64 {
	m, k := float64(unequal), float64(ranges)
	if unequal >= ranges {
		// It takes log(k) for each range, on average, to hit them all. But when all are
		// hit, there may well be many more.
		return max(1, saturated*math.Log(k))
	}
	return max(1, -k*math.Log1p(-m/k)/m)
}

// worthSplitting says whether halving a range of n stored users with d
// differences is cheaper than reading it.
func worthSplitting(n, d float64) bool { return n > 0 && splitReads(n, d) < fetchReads(n) }

// splitReads is what it costs to ask for one half and then to go on with the
// halves that differ, each in the cheaper way.
func splitReads(n, d float64) float64 {
	half, differs := n/2, 1-math.Exp2(-d)
	d = d / 2 / differs // in a half that has some
	return aggregationReads(half) + 2*differs*findReads(half, d)
}

// findReads is the cost of finding d differences among n users.
func findReads(n, d float64) float64 {
	if n <= 2 {
		return fetchReads(n)
	}
	return min(fetchReads(n), splitReads(n, d))
}
