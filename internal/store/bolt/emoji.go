package bolt

import (
	"context"
	"encoding/json"

	bolt "go.etcd.io/bbolt"
)

var emojiKey = []byte("emoji")

// PutEmoji replaces a workspace's custom emoji: addresses of images, or
// "alias:" and another name, by name.
func (s *Store) PutEmoji(ctx context.Context, teamID string, emoji map[string]string) error {
	return s.update(ctx, teamID, emojiKey, func(b *bolt.Bucket) error { return put(b, string(emojiKey), emoji) })
}

// Emoji returns a workspace's custom emoji, none if nobody has written any.
func (s *Store) Emoji(ctx context.Context, teamID string) (emoji map[string]string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	err = s.db.View(func(tx *bolt.Tx) error {
		b := bucket(tx, teamID, emojiKey)
		if b == nil {
			return nil
		}
		if value := b.Get(emojiKey); value != nil {
			return json.Unmarshal(value, &emoji)
		}
		return nil
	})
	return emoji, err
}
