package ui

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jellydator/ttlcache/v3"

	"rollcall/internal/directory"
	"rollcall/internal/ui/emoji"
)

// caches spare what changes seldom, or what nobody minds being a minute old.
type caches struct {
	workspaces *cache[[]directory.Workspace]
	emoji      *cache[map[string]string]
	counts     *cache[counted]
	charts     *cache[[]chart]
	zones      *cache[map[string]int]
	letters    *cache[int]
}

func newCaches() caches {
	return caches{
		workspaces: newCache[[]directory.Workspace](10 * time.Second),
		emoji:      newCache[map[string]string](10 * time.Minute),
		counts:     newCache[counted](time.Minute),
		charts:     newCache[[]chart](time.Minute),
		zones:      newCache[map[string]int](5 * time.Minute),
		letters:    newCache[int](10 * time.Second),
	}
}

type cache[T any] struct{ *ttlcache.Cache[string, T] }

// cachedAtMost bounds each cache, whatever strangers ask for.
const cachedAtMost = 1000

func newCache[T any](keep time.Duration) *cache[T] {
	return &cache[T]{ttlcache.New(ttlcache.WithTTL[string, T](keep), ttlcache.WithCapacity[string, T](cachedAtMost), ttlcache.WithDisableTouchOnHit[string, T]())}
}

// get returns what is kept under key, or loads it. What fails, or is not worth it, is not kept.
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

var errNobodyYet = errors.New("nobody yet")

func (h *handler) workspaces(ctx context.Context) ([]directory.Workspace, error) {
	all, err := h.caches.workspaces.get("", func() ([]directory.Workspace, error) {
		all, err := h.Store.Workspaces(ctx)
		all = slices.DeleteFunc(all, func(w directory.Workspace) bool { return w.Hidden })
		if err == nil && len(all) == 0 { // the first one is waited for
			err = errNobodyYet
		}
		return all, err
	})
	if err != nil && !errors.Is(err, errNobodyYet) {
		return nil, fmt.Errorf("workspaces: %w", err)
	}
	return all, nil
}

// waitingWithin bounds how long the status page waits for the number of dead letters.
const waitingWithin = 3 * time.Second

// waiting counts dead letters, once for all who look at a running sync every two seconds.
func (h *handler) waiting(ctx context.Context) (int, error) {
	return h.caches.letters.get("", func() (int, error) {
		ctx, cancel := context.WithTimeout(ctx, waitingWithin)
		defer cancel()
		return h.DeadLetters.Waiting(ctx)
	})
}

// emoji shows a status's shortcode. Without the workspace's own it shows the others.
func (h *handler) emoji(ctx context.Context, teamID, shortcode string) emojiView {
	if shortcode == "" {
		return emojiView{}
	}
	custom, err := h.caches.emoji.get(teamID, func() (map[string]string, error) { return h.Store.Emoji(ctx, teamID) })
	if err != nil && ctx.Err() == nil {
		h.Log.WarnContext(ctx, "custom emoji not read", "team_id", teamID, "error", err)
	}
	e := emoji.Parse(shortcode, custom)
	return emojiView{Shortcode: e.Shortcode, Text: e.Text, Image: h.image(e.Image)}
}
