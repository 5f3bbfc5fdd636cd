package firestore

import (
	"context"
	"fmt"

	"cloud.google.com/go/firestore"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"rollcall/internal/directory"
	"rollcall/internal/tokens"
)

// Tokens are in a database of their own, at tokens/{hash}, so that restoring the
// directory does not revive revoked ones.
func (s *Store) tokens() *firestore.CollectionRef { return s.client.Collection("tokens") }

// PutToken creates or replaces the token with that hash.
func (s *Store) PutToken(ctx context.Context, t tokens.Token) error {
	if _, err := s.tokens().Doc(t.Hash).Set(ctx, encode(t)); err != nil {
		return fmt.Errorf("firestore: %w", err)
	}
	return nil
}

// Token returns the token with that hash, or [directory.ErrNotFound]. It bills a read.
func (s *Store) Token(ctx context.Context, hash string) (tokens.Token, error) {
	snapshot, err := s.tokens().Doc(hash).Get(ctx)
	switch {
	case status.Code(err) == codes.NotFound:
		return tokens.Token{}, directory.ErrNotFound
	case err != nil:
		return tokens.Token{}, fmt.Errorf("firestore: %w", err)
	}
	return tokenOf(snapshot)
}

// Tokens returns all tokens, the oldest first. It bills a read for each, at least one.
func (s *Store) Tokens(ctx context.Context) (all []tokens.Token, err error) {
	snapshots, err := s.tokens().OrderBy("created_at", firestore.Asc).Documents(ctx).GetAll()
	if err != nil {
		return nil, fmt.Errorf("firestore: %w", err)
	}
	for _, snapshot := range snapshots {
		t, err := tokenOf(snapshot)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

func tokenOf(snapshot *firestore.DocumentSnapshot) (t tokens.Token, err error) {
	if err := decode(snapshot.Data(), &t); err != nil {
		return tokens.Token{}, fmt.Errorf("token: %w", err)
	}
	t.CreatedAt, t.ExpiresAt, t.RevokedAt = t.CreatedAt.UTC(), t.ExpiresAt.UTC(), t.RevokedAt.UTC()
	return t, nil
}
