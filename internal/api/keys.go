package api

import (
	"context"
	"crypto/subtle"
	"errors"
	"time"

	"github.com/jellydator/ttlcache/v3"
	"golang.org/x/sync/singleflight"
	"golang.org/x/time/rate"

	"rollcall/internal/directory"
	"rollcall/internal/tokens"
)

// TokenStore keeps the tokens.
type TokenStore interface {
	// Token returns the token with that hash, or [directory.ErrNotFound].
	Token(ctx context.Context, hash string) (tokens.Token, error)
}

const (
	// tokenTTL is how long a token is remembered as it was looked up. A revoked one is refused within a
	// minute.
	tokenTTL = 50 * time.Second
	// maxTokens bounds how many are remembered, unknown ones included.
	maxTokens = 10_000
	// maxLookups is how many tokens are looked up in a second, and maxLookupBurst at once, so that
	// strangers who guess cost next to nothing.
	maxLookups, maxLookupBurst = 20, 100
	lookupTimeout              = 5 * time.Second
)

// keys admits requests by their tokens.
type keys struct {
	store   TokenStore
	rate    int
	now     func() time.Time
	known   *ttlcache.Cache[string, *key]
	flight  singleflight.Group
	lookups *rate.Limiter
}

// key is a looked-up token, nil if there is none, and how often it may be used.
type key struct {
	token *tokens.Token
	uses  *rate.Limiter
}

func newKeys(store TokenStore, perSecond int, now func() time.Time) *keys {
	return &keys{store: store, rate: perSecond, now: now, lookups: rate.NewLimiter(maxLookups, maxLookupBurst),
		known: ttlcache.New(ttlcache.WithTTL[string, *key](tokenTTL), ttlcache.WithCapacity[string, *key](maxTokens), ttlcache.WithDisableTouchOnHit[string, *key]())}
}

// admit returns the token with that text, if it may be used now. A revoked or expired one comes back
// along with its error, because the log names it.
func (k *keys) admit(ctx context.Context, text string) (tokens.Token, error) {
	switch {
	case text == "":
		return tokens.Token{}, errNotAuthed
	case !tokens.CanBe(text):
		return tokens.Token{}, errInvalidAuth
	}
	hash := tokens.Hash(text)
	found, err := k.find(ctx, hash)
	if err != nil {
		return tokens.Token{}, err
	}
	// The database does not compare in constant time, but a client cannot choose any part of the hash.
	if found.token == nil || subtle.ConstantTimeCompare([]byte(found.token.Hash), []byte(hash)) != 1 {
		return tokens.Token{}, errInvalidAuth
	}
	t := *found.token
	switch {
	case t.Revoked():
		return t, errTokenRevoked
	case t.Expired(k.now()):
		return t, errTokenExpired
	}
	return t, take(found.uses)
}

// find returns the key from memory or the store.
func (k *keys) find(ctx context.Context, hash string) (*key, error) {
	if item := k.known.Get(hash); item != nil {
		return item.Value(), nil
	}
	v, err, _ := k.flight.Do(hash, func() (any, error) {
		if item := k.known.Get(hash); item != nil {
			return item.Value(), nil
		}
		if err := take(k.lookups); err != nil {
			return nil, err
		}
		// Others wait for the same answer, even if this request ends.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookupTimeout)
		defer cancel()
		found := &key{uses: rate.NewLimiter(rate.Limit(k.rate), k.rate)}
		t, err := k.store.Token(ctx, hash)
		switch {
		case err == nil:
			found.token = &t
		case !errors.Is(err, directory.ErrNotFound):
			return nil, err
		}
		k.known.Set(hash, found, ttlcache.DefaultTTL)
		return found, nil
	})
	if err != nil {
		return nil, err
	}
	return v.(*key), nil
}

// take counts one use against the limiter, or fails with how long to wait.
func take(l *rate.Limiter) error {
	r := l.Reserve()
	if after := r.Delay(); after > 0 {
		r.Cancel()
		return rateLimited{after}
	}
	return nil
}
