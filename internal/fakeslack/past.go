package fakeslack

import (
	"iter"
	"math/rand/v2"
	"slices"
	"time"
)

const (
	pastJoinShare       = 25 // one in this many people joined in the past
	pastChangeShare     = 30 // one in this many people changes on a working day, on average
	maxPastDailyChanges = 40 // on average
	weekendShare        = 5  // a day of the weekend has a working day's changes divided by this
	morning             = 7 * time.Hour
	halfDay             = 5*time.Hour + 30*time.Minute
)

// pastJoiners is how many of the people join in the past.
func (o *Options) pastJoiners() int {
	if o.Past == 0 {
		return 0
	}
	return o.People / pastJoinShare
}

// now is the workspace's time: a time in its past until [Workspace.Past] is over. It needs mu.
func (w *Workspace) now() time.Time {
	if !w.past.IsZero() {
		return w.past
	}
	return w.options.Clock()
}

// Past lives through Options.Past: people join and leave, move, get other titles, names and roles. It yields the
// events of the changes in order of time. Until it is called, the workspace is at the start of its past.
func (w *Workspace) Past() iter.Seq[Event] {
	return func(yield func(Event) bool) {
		defer w.present()
		rng := rand.New(rand.NewPCG(w.options.Seed, streamPast))
		moments := w.moments(rng)
		joiners := w.options.pastJoiners()
		for i, at := range moments {
			joins := (i+1)*joiners/len(moments) > i*joiners/len(moments)
			for _, e := range w.relive(at, joins, rng) {
				if !yield(e) {
					return
				}
			}
		}
	}
}

// present ends the past.
func (w *Workspace) present() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.past = time.Time{}
	for len(w.listed) < w.options.People {
		w.join() // the caller stopped before the end of the past
	}
}

// moments returns the times of the past's changes. Most are on working days, around noon.
func (w *Workspace) moments(rng *rand.Rand) (all []time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.past.IsZero() {
		return nil
	}
	mean := min(max(w.options.People/pastChangeShare, 1), maxPastDailyChanges)
	start, end := w.past, w.options.Clock()
	for day := start.UTC().Truncate(24 * time.Hour); day.Before(end); day = day.AddDate(0, 0, 1) {
		n := rng.IntN(2*mean + 1)
		if weekday := day.Weekday(); weekday == time.Saturday || weekday == time.Sunday {
			n /= weekendShare
		}
		for range n {
			at := day.Add(morning + time.Duration(rng.Int64N(int64(halfDay))+rng.Int64N(int64(halfDay))))
			if at.After(start) && at.Before(end.Add(-time.Minute)) {
				all = append(all, at)
			}
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return all
}

// relive makes one change of the past.
func (w *Workspace) relive(at time.Time, joins bool, rng *rand.Rand) []Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.past = at
	if joins {
		return w.join()
	}
	return w.tryOn(w.listed, w.pastChange(rng), rng)
}

func (w *Workspace) pastChange(rng *rand.Rand) operation {
	switch roll := rng.IntN(100); {
	case roll < 45:
		return w.retitle
	case roll < 60:
		return w.move
	case roll < 70:
		return pick(rng, []operation{w.become(member, true), w.become(member, false), w.become(guest, false)})
	case roll < 84:
		return w.leave
	case roll < 95:
		return w.reactivate
	case roll < 99:
		return w.rename
	}
	return w.forget
}
