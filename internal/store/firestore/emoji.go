package firestore

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"cloud.google.com/go/firestore"
)

// maxEmojiPart is below Firestore's limit of 1 MiB a document.
const maxEmojiPart = 900_000

// emojiDocument holds a part of the JSON of a workspace's emoji.
type emojiDocument struct {
	JSON []byte `firestore:"json"`
}

func (s *Store) emoji(teamID string) *firestore.CollectionRef {
	return s.workspace(teamID).Collection("emoji")
}

// PutEmoji replaces a workspace's custom emoji. The map is from name to the address
// of an image, or to "alias:" and another name.
func (s *Store) PutEmoji(ctx context.Context, teamID string, emoji map[string]string) error {
	encoded, err := json.Marshal(emoji)
	if err != nil {
		return fmt.Errorf("encode emoji: %w", err)
	}
	old, err := s.emoji(teamID).DocumentRefs(ctx).GetAll()
	if err != nil {
		return fmt.Errorf("firestore: %w", err)
	}
	err = s.client.RunTransaction(ctx, func(_ context.Context, tx *firestore.Transaction) error {
		for _, ref := range old {
			if err := tx.Delete(ref); err != nil {
				return err
			}
		}
		part := 0
		for some := range slices.Chunk(encoded, maxEmojiPart) {
			if err := tx.Set(s.emoji(teamID).Doc(fmt.Sprintf("%03d", part)), emojiDocument{some}); err != nil {
				return err
			}
			part++
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("firestore: %w", err)
	}
	return nil
}

// Emoji returns a workspace's custom emoji, none if there are none. It bills one
// read for each 10,000 or so, at least one.
func (s *Store) Emoji(ctx context.Context, teamID string) (emoji map[string]string, err error) {
	snapshots, err := s.emoji(teamID).Documents(ctx).GetAll() // in the order of their ids
	if err != nil {
		return nil, fmt.Errorf("firestore: %w", err)
	}
	var all []byte
	for _, snapshot := range snapshots {
		var d emojiDocument
		if err := snapshot.DataTo(&d); err != nil {
			return nil, fmt.Errorf("emoji: %w", err)
		}
		all = append(all, d.JSON...)
	}
	if len(all) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(all, &emoji); err != nil {
		return nil, fmt.Errorf("emoji: %w", err)
	}
	return emoji, nil
}
