package fullsync

import (
	"context"
	"maps"
)

// EmojiStore keeps a workspace's custom emoji.
type EmojiStore interface {
	PutEmoji(ctx context.Context, teamID string, emoji map[string]string) error
	Emoji(ctx context.Context, teamID string) (map[string]string, error)
}

// copyEmoji stores the workspace's custom emoji. Its failure does not fail the sync.
func copyEmoji(ctx context.Context, o Options, r *record) {
	if o.DryRun {
		return
	}
	teamID := r.value().TeamID
	listed, err := o.Slack.Emoji(ctx)
	if err == nil && listed != nil {
		var stored map[string]string
		if stored, err = o.Store.Emoji(ctx, teamID); err == nil && !maps.Equal(stored, listed) {
			err = o.Store.PutEmoji(ctx, teamID, listed)
		}
	}
	if err != nil {
		o.Log.WarnContext(ctx, "custom emoji not copied", "team_id", teamID, "error", err)
	}
}
