package fullsync

import (
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fullsync/compare"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func at(minutes int) directory.Version {
	return directory.VersionOf(noon.Add(time.Duration(minutes) * time.Minute))
}

func said(minutes int, updated int64) *directory.Said {
	return &directory.Said{Version: at(minutes), Updated: updated}
}

func TestJudge(t *testing.T) {
	for name, tt := range map[string]struct {
		stored    directory.Stored
		said      *directory.Said
		forgotten bool
		want      verdict
	}{
		"nothing is known":                      {directory.Stored{}, said(0, 5), false, wins},
		"an event before":                       {directory.Stored{Told: said(-1, 5)}, said(0, 5), false, wins},
		"an event after":                        {directory.Stored{Told: said(1, 5)}, said(0, 5), false, isStale},
		"an event of a newer object":            {directory.Stored{Told: said(-100, 6)}, said(0, 5), false, isStale},
		"the same, long ago":                    {directory.Stored{Told: said(-121, 6)}, said(0, 5), false, wins},
		"an event that has no updated":          {directory.Stored{Told: said(-1, 0)}, said(0, 5), false, wins},
		"a listing before":                      {directory.Stored{Listed: said(-1, 5)}, said(0, 5), false, wins},
		"a listing after":                       {directory.Stored{Listed: said(1, 5)}, said(0, 5), false, isStale},
		"a listing of a newer object":           {directory.Stored{Listed: said(-100, 6)}, said(0, 5), false, isStale},
		"the same, more than two hours ago":     {directory.Stored{Listed: said(-121, 6)}, said(0, 5), false, wins},
		"stored as forgotten":                   {directory.Stored{Kind: directory.Forgotten, Version: at(-1)}, said(0, 5), false, needsLift},
		"stored as forgotten, and is":           {directory.Stored{Kind: directory.Forgotten, Version: at(-1)}, said(0, 5), true, wins},
		"forgotten before an event":             {directory.Stored{Told: said(1, 6)}, said(0, 5), true, wins},
		"an event of the future":                {directory.Stored{Told: said(1e6, 6)}, said(0, 5), false, wins},
		"a listing of the future":               {directory.Stored{Listed: said(1e6, 6)}, said(0, 5), false, wins},
		"only the version in the future":        {directory.Stored{Version: at(1e6), Told: said(1, 6)}, said(0, 5), false, wins},
		"a stale event and an older listing":    {directory.Stored{Told: said(-9, 6), Listed: said(-10, 5)}, said(0, 5), false, isStale},
		"an older event, and a stale listing":   {directory.Stored{Told: said(-9, 4), Listed: said(-8, 6)}, said(0, 5), false, isStale},
		"an older event, and an older listing":  {directory.Stored{Told: said(-9, 4), Listed: said(-8, 5)}, said(0, 5), false, wins},
		"an event and a listing of no updated":  {directory.Stored{Told: said(-9, 4), Listed: said(-8, 6)}, said(0, 0), false, wins},
		"a listing at the same moment, not new": {directory.Stored{Listed: said(0, 5)}, said(0, 5), false, wins},
	} {
		if got := judge(tt.stored, *tt.said, tt.forgotten, noon); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestGone(t *testing.T) {
	started := noon.Add(time.Minute)
	for name, tt := range map[string]struct {
		stored directory.Stored
		want   bool
	}{
		"an event long ago":              {directory.Stored{Version: at(-300), Told: said(-300, 5)}, true},
		"an event before the listing":    {directory.Stored{Version: at(-100), Told: said(-100, 5)}, false}, // it may come from a cache
		"listed before the listing":      {directory.Stored{Version: at(-100), Listed: said(-100, 5)}, true},
		"an event after the listing":     {directory.Stored{Version: at(1), Told: said(1, 5)}, false},
		"listed after the listing":       {directory.Stored{Version: at(1), Listed: said(1, 5)}, false},
		"written after the sync's start": {directory.Stored{Version: at(-300), Written: started.Add(time.Second)}, false},
		"an event in the future":         {directory.Stored{Version: at(1e6), Told: said(1e6, 5)}, true},
	} {
		if got := isUntouched(tt.stored, at(0), started, noon, false); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// TestGoneFromACompleteListing: an operator says that the listing is complete.
func TestGoneFromACompleteListing(t *testing.T) {
	lately := directory.Stored{Version: at(-100), Told: said(-100, 5)}
	if !isUntouched(lately, at(0), noon, noon, true) {
		t.Error("an event before the listing, and not gone")
	}
	if after := (directory.Stored{Version: at(1), Told: said(1, 5)}); isUntouched(after, at(0), noon, noon, true) {
		t.Error("an event after the listing, and gone")
	}
}

// TestWrittenBetweenTwoQueries: a person found in an old state by one query but listed is not gone.
func TestWrittenBetweenTwoQueries(t *testing.T) {
	l := &listing{people: compare.People{{ID: "U1", Fingerprint: 7}}, versions: []directory.Version{at(0)}}
	p := planRepairs(compare.Difference{NotListed: []directory.Stored{{ID: "U1", Fingerprint: 6, Version: 10}, {ID: "U2", Fingerprint: 9, Version: 10}}}, l, nil, noon, noon, false)
	if len(p.gone) != 1 || p.gone[0].ID != "U2" || len(p.repairs) != 0 {
		t.Errorf("%+v", p)
	}
}

// TestEveryExternalInTurn: if they are too many for one sync, later syncs reach the rest.
func TestEveryExternalInTurn(t *testing.T) {
	const count = 3 * maxAsked
	asked := map[int64]bool{}
	for range 200 {
		r := somebody(count)
		for i := range int64(count) {
			fp := -1 - i*(directory.FingerprintLimit/count)
			if fp >= r.From && fp < r.To {
				asked[i] = true
			}
		}
		if width := r.To - r.From; width > directory.FingerprintLimit/3+10 {
			t.Fatalf("%v is too wide", r)
		}
	}
	if len(asked) != count {
		t.Errorf("%d of %d were asked after", len(asked), count)
	}
}
