package fullsync

import (
	"context"
	"maps"
)

// copyEmoji keeps the workspace's custom emoji. What fails here does not fail the sync.
func (r *run) copyEmoji(ctx context.Context) {
	if r.DryRun {
		return
	}
	listed, err := r.Slack.Emoji(ctx)
	if err != nil || listed == nil {
		r.warnEmoji(ctx, err)
		return
	}
	r.sync.Reads++
	stored, err := r.Store.Emoji(ctx, r.sync.TeamID)
	if err == nil && !maps.Equal(stored, listed) {
		r.bookkeeping++
		err = r.Store.PutEmoji(ctx, r.sync.TeamID, listed)
	}
	r.warnEmoji(ctx, err)
}

func (r *run) warnEmoji(ctx context.Context, err error) {
	if err != nil {
		r.Log.WarnContext(ctx, "custom emoji not copied", "team_id", r.sync.TeamID, "error", err)
	}
}
