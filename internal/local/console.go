package local

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"rollcall/internal/directory"
)

// console is written to from many goroutines.
type console struct {
	mu sync.Mutex
	w  io.Writer
}

func (c *console) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.w.Write(b)
}

// watchedStore tells of every change that came by an event. A line names the
// person by id and page only: profiles belong on the page.
type watchedStore struct {
	Store
	out     io.Writer
	address string
}

func (s *watchedStore) PutUser(ctx context.Context, u directory.User, expected directory.Revision, record *directory.Record) error {
	if err := s.Store.PutUser(ctx, u, expected, record); err != nil {
		return err
	}
	if u.Source != directory.FromEvent {
		return nil
	}
	what := "changed"
	switch {
	case expected == 0:
		what = "joined"
	case u.Removed:
		what = "removed"
	case u.Deleted:
		what = "deactivated"
	}
	fmt.Fprintf(s.out, "%s  %-11s  %s/users/%s/%s\n", time.Now().Format(time.TimeOnly), what, s.address, u.TeamID, u.ID)
	return nil
}
