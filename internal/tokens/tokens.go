// Package tokens is about the API's own tokens: who may read what in which workspaces.
//
// A token is shown once, when it is made. What is stored is its SHA-256, so whoever reads
// the database cannot use it. It needs no key stretching: a token has at least 160 random
// bits, too many to guess.
package tokens

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"rollcall/internal/directory"
)

// The scopes. All but the last are Slack's.
const (
	UsersRead    = "users:read"
	EmailRead    = "users:read.email"
	ProfileRead  = "users.profile:read"
	TeamRead     = "team:read"
	EmojiRead    = "emoji:read"
	ChangesRead  = "changes:read"
	prefix       = "rct_"
	maxName      = 64
	maxWorkspace = 100
)

// Scopes are all scopes.
var Scopes = []string{UsersRead, EmailRead, ProfileRead, TeamRead, EmojiRead, ChangesRead}

// Token is a stored token. Its JSON names are the field names of its document.
type Token struct {
	Hash       string    `json:"hash"` // see [Hash]
	Name       string    `json:"name"` // of the program that uses it; logs have it
	Workspaces []string  `json:"workspaces"`
	Scopes     []string  `json:"scopes"`
	CreatedAt  time.Time `json:"created_at"`
	ExpiresAt  time.Time `json:"expires_at,omitzero"` // zero: never
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
}

var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._/-]*$`)

// New makes a token, and returns its text and what is stored of it. expires is zero for never.
func New(name string, workspaces, scopes []string, now, expires time.Time) (text string, t Token, err error) {
	text = prefix + rand.Text() + rand.Text()
	t = Token{Hash: Hash(text), Name: name, Workspaces: workspaces, Scopes: scopes, CreatedAt: now, ExpiresAt: expires}
	return text, t, t.validate()
}

func (t Token) validate() error {
	var err error
	if len(t.Name) > maxName || !namePattern.MatchString(t.Name) {
		err = fmt.Errorf("name: at most %d letters, digits, spaces and . _ / -", maxName)
	}
	if len(t.Workspaces) == 0 || len(t.Workspaces) > maxWorkspace {
		err = errors.Join(err, fmt.Errorf("workspaces: give 1 to %d", maxWorkspace))
	}
	for _, id := range t.Workspaces {
		if invalid := directory.ValidateID("workspace", id); invalid != nil {
			err = errors.Join(err, fmt.Errorf("%q: %w", id, invalid))
		}
	}
	if len(t.Scopes) == 0 {
		err = errors.Join(err, errors.New("scopes: give at least one"))
	}
	for _, scope := range t.Scopes {
		if !slices.Contains(Scopes, scope) {
			err = errors.Join(err, fmt.Errorf("unknown scope %q: choose from %s", scope, strings.Join(Scopes, ", ")))
		}
	}
	if !t.ExpiresAt.IsZero() && !t.ExpiresAt.After(t.CreatedAt) {
		err = errors.Join(err, errors.New("expires: must be in the future"))
	}
	return err
}

// Hash returns the hex of a token's SHA-256.
func Hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// CanBe says whether text has the form of a token.
func CanBe(text string) bool {
	return len(text) >= len(prefix)+40 && len(text) <= 128 && strings.HasPrefix(text, prefix)
}

// Has reports whether the token has the scope. Every token has the empty scope.
func (t Token) Has(scope string) bool { return scope == "" || slices.Contains(t.Scopes, scope) }

// Revoked reports whether an operator has revoked the token.
func (t Token) Revoked() bool { return !t.RevokedAt.IsZero() }

// Expired reports whether the token's time has passed.
func (t Token) Expired(now time.Time) bool { return !t.ExpiresAt.IsZero() && !now.Before(t.ExpiresAt) }

// ID identifies the token without revealing it, in the form of Slack's ids.
func (t Token) ID() string { return strings.ToUpper(t.Hash[:min(10, len(t.Hash))]) }
