package fullsync

import (
	"context"
	"maps"
)

// emojiStore keeps a workspace's custom emoji.
type emojiStore interface {
	PutEmoji(ctx context.Context, teamID string, emoji map[string]string) error
	Emoji(ctx context.Context, teamID string) (map[string]string, error)
}

// copyEmoji stores the workspace's custom emoji. Its failure does not fail the sync.
func copyEmoji(ctx context.Context, slack Slack, store emojiStore, r *record) {
	if r.dryRun {
		return
	}
	teamID := r.value().TeamID
	listed, err := slack.Emoji(ctx)
	if err == nil && listed != nil {
		var stored map[string]string
		if stored, err = store.Emoji(ctx, teamID); err == nil && !maps.Equal(stored, listed) {
			err = store.PutEmoji(ctx, teamID, listed)
		}
	}
	if err != nil {
		r.log.WarnContext(ctx, "custom emoji not copied", "team_id", teamID, "error", err)
	}
}
