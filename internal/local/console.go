package local

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"rollcall/internal/directory"
)

// console is a writer for several goroutines.
type console struct {
	mu sync.Mutex
	w  io.Writer
}

func (c *console) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.w.Write(b)
}

// watchedStore prints a line for every change from an event: the person's page
// and the names of the fields. Values belong on the page.
type watchedStore struct {
	Store
	out     io.Writer
	address string
}

func (s *watchedStore) PutUser(ctx context.Context, u directory.User, expected directory.Revision, record *directory.Record) error {
	var before *directory.User
	if stored, _, err := s.User(ctx, u.TeamID, u.ID); err == nil {
		before = &stored
	}
	if err := s.Store.PutUser(ctx, u, expected, record); err != nil {
		return err
	}
	if u.Source != directory.FromEvent {
		return nil
	}
	if what := describe(before, u); what != "" {
		fmt.Fprintf(s.out, "%s  %s  %s/users/%s/%s\n", time.Now().Format(time.TimeOnly), what, s.address, u.TeamID, u.ID)
	}
	return nil
}

// describe says what readers see differently, and nothing if that is nothing, as at the
// end of a huddle.
func describe(before *directory.User, u directory.User) string {
	switch {
	case u.Kind == directory.Forgotten && (before == nil || before.Kind != directory.Forgotten):
		return "forgotten"
	case before == nil || before.Removed:
		return "joined"
	case u.Deleted && !before.Deleted:
		return "deactivated"
	case before.Deleted && !u.Deleted:
		return "reactivated"
	}
	paths, err := directory.ChangedFields(before, u)
	if err != nil || len(paths) == 0 {
		return ""
	}
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = path[strings.LastIndexByte(path, '.')+1:]
	}
	return "changed " + strings.Join(names, ", ")
}
