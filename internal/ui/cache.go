package ui

import (
	"time"

	"github.com/jellydator/ttlcache/v3"

	"rollcall/internal/directory"
)

// caches hold what seldom changes and what may be a little old.
type caches struct {
	workspaces  *cache[[]directory.Workspace]
	emoji       *cache[map[string]string]
	counts      *cache[counted]
	records     *cache[int]
	charts      *cache[charts]
	profiles    *cache[profile]
	trees       *cache[*tree]
	zones       *cache[map[string]int]
	deadLetters *cache[int]
	drift       *cache[string]
	week        *cache[string]
}

func newCaches() caches {
	return caches{
		workspaces:  newCache[[]directory.Workspace](10 * time.Second),
		emoji:       newCache[map[string]string](10 * time.Minute),
		counts:      newCache[counted](time.Minute),
		records:     newCache[int](15 * time.Second),
		charts:      newCache[charts](time.Minute),
		profiles:    newCache[profile](10 * time.Second),
		trees:       newCache[*tree](time.Minute),
		zones:       newCache[map[string]int](5 * time.Minute),
		deadLetters: newCache[int](10 * time.Second),
		drift:       newCache[string](10 * time.Minute),
		week:        newCache[string](time.Minute),
	}
}

type cache[T any] struct{ *ttlcache.Cache[string, T] }

// maxCached bounds the entries of each cache, because a viewer chooses the keys.
const maxCached = 1000

func newCache[T any](ttl time.Duration) *cache[T] {
	return &cache[T]{ttlcache.New(ttlcache.WithTTL[string, T](ttl), ttlcache.WithCapacity[string, T](maxCached), ttlcache.WithDisableTouchOnHit[string, T]())}
}

// get returns the value cached under key, or loads it. It does not cache a value that comes with an error.
func (c *cache[T]) get(key string, load func() (T, error)) (T, error) {
	if item := c.Get(key); item != nil {
		return item.Value(), nil
	}
	v, err := load()
	if err == nil {
		c.Set(key, v, ttlcache.DefaultTTL)
	}
	return v, err
}
