package fullsync

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/fullsync/compare"
	"rollcall/internal/syncs"
)

// maxAsked bounds how many people of other workspaces one sync asks Slack about.
const maxAsked = 200

// askExternals asks users.info about people of other workspaces, who are in no
// listing: all of them or, if there are many, a random sample. A sample chosen by
// the clock might never reach some people, because syncs start at regular times.
// It repairs those who differ, and returns those who are gone.
func (p *repairer) askExternals(ctx context.Context, sums compare.Sums, out outbox, l *listing, future []directory.Stored) (gone []directory.Stored, err error) {
	s := p.record.value()
	count, _, err := sums.SumFingerprints(ctx, s.TeamID, directory.Externals)
	var asked []directory.Stored
	if err == nil && count > 0 {
		asked, err = sums.Fingerprints(ctx, s.TeamID, somebody(count))
	}
	if err != nil {
		return nil, err
	}
	asked = l.notIn(asked) // people who are listed after all were repaired with the others
	for _, u := range l.notIn(future) {
		isAsked := slices.ContainsFunc(asked, func(a directory.Stored) bool { return a.ID == u.ID })
		if u.Fingerprint < 0 && !isAsked {
			asked = append(asked, u)
		}
	}
	p.record.update(func(s *syncs.Sync) {
		s.External.Stored, s.External.Asked = max(s.External.Stored, int(count)), len(asked)
	})

	b := out.open(ctx)
	for i := range asked {
		user, v, askErr := p.ask(ctx, asked[i].ID)
		switch {
		case errors.Is(askErr, directory.ErrNotFound):
			if isUntouchedExternal(asked[i], s) {
				gone = append(gone, asked[i])
			}
		case errors.Is(askErr, syncs.ErrUnreadable):
		case askErr != nil:
			err = askErr
		default:
			err = p.publish(b, asked[i].ID, need{directory.Update, &asked[i]}, user, v, false)
		}
		if err != nil {
			break
		}
		p.record.progress.repairing(p.record.value(), "people of other workspaces", i+1, len(asked))
	}
	return gone, b.finish(err)
}

// somebody is a random range that holds about [maxAsked] people.
func somebody(count int64) directory.FingerprintRange {
	parts := max(1, (count+maxAsked-1)/maxAsked)
	width := directory.FingerprintLimit / parts
	from := directory.Externals.From + width*rand.Int64N(parts) //nolint:gosec // there is nothing to guess
	return directory.FingerprintRange{From: from, To: min(from+width+parts, directory.Externals.To)}
}

// isUntouchedExternal reports whether nothing was said about the user since the sync
// started. users.info answers about one user, so no cached list is involved.
func isUntouchedExternal(u directory.Stored, s syncs.Sync) bool {
	return u.Written.Before(s.Started) && (u.Version < s.Since || isInFuture(u, time.Now()))
}
