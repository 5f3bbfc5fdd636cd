package fullsync

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/syncs"
)

// maxAsked bounds the people of other workspaces whom one sync asks after.
const maxAsked = 200

// externals asks users.info after people of other workspaces, who are in no
// listing: after all of them or, in a large workspace, a random part. By the
// clock, syncs that are some hours apart might never come to the others.
func (p *publishing) externals(ctx context.Context, l *listing, future []directory.Stored) error {
	s := p.record.value()
	count, _, err := p.Store.SumFingerprints(ctx, s.TeamID, directory.Externals)
	if err != nil {
		return err
	}
	var asked []directory.Stored
	if count > 0 {
		if asked, err = p.Store.Fingerprints(ctx, s.TeamID, somebody(count)); err != nil {
			return err
		}
	}
	asked = l.notIn(asked) // whoever is listed after all was repaired like everybody listed
	for _, u := range l.notIn(future) {
		isAsked := slices.ContainsFunc(asked, func(a directory.Stored) bool { return a.ID == u.ID })
		if u.Fingerprint < 0 && !isAsked {
			asked = append(asked, u)
		}
	}
	p.record.update(func(s *syncs.Sync) {
		s.External.Stored, s.External.Asked = max(s.External.Stored, int(count)), len(asked)
	})

	var gone []directory.Stored
	out := newOutbox(ctx, p.Options, p.record)
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
			err = p.publish(out, asked[i].ID, need{directory.Update, &asked[i]}, user, v, false)
		}
		if err != nil {
			break
		}
		p.Progress.repairing(p.record.value(), "people of other workspaces", i+1, len(asked))
	}
	if err := out.finish(err); err != nil {
		return err
	}
	return p.remove(ctx, gone, external)
}

// somebody is a random range of some [maxAsked] of the people.
func somebody(count int64) directory.FingerprintRange {
	parts := max(1, (count+maxAsked-1)/maxAsked)
	width := directory.FingerprintLimit / parts
	from := directory.Externals.From + width*rand.Int64N(parts) //nolint:gosec // there is nothing to guess
	return directory.FingerprintRange{From: from, To: min(from+width+parts, directory.Externals.To)}
}

// isUntouchedExternal says that nobody has heard of the user since the sync began.
// users.info is asked about this one, so that no cached list can be wrong about it.
func isUntouchedExternal(u directory.Stored, s syncs.Sync) bool {
	return u.Written.Before(s.Started) && (u.Version < s.Since || isInFuture(u, time.Now()))
}
