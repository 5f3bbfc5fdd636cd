package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"regexp"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"rollcall/internal/directory"
	"rollcall/internal/fakeslack"
	"rollcall/internal/fullsync"
	"rollcall/internal/service"
	"rollcall/internal/slack/webapi"
)

const (
	// MinPeople and MaxPeople are how many people can be invented. Fewer would lack some kinds of people; MaxPeople
	// take some minutes to invent.
	MinPeople, MaxPeople = 10, 20_000

	inventedTeam = "T0ROLLCALL"
	// maxStoredPage is how many stored people are read in one query.
	maxStoredPage = 1000
)

// ParsePeople reads how many people to invent.
func ParsePeople(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < MinPeople || n > MaxPeople {
		return 0, fmt.Errorf("must be a number from %d to %d", MinPeople, MaxPeople)
	}
	return n, nil
}

// inventedSlack listens on its own loopback port and posts its events to the webhook. It begins with the people in
// the store, unchanged, and invents more until there are o.People. Their pictures are on the page's port, which is
// usually the same at the next start, so that the stored addresses stay right.
func inventedSlack(ctx context.Context, o Options, address string, back *backends, out io.Writer, log *slog.Logger) (*slackSide, error) {
	known, err := storedPeople(ctx, back.store, address)
	if err != nil {
		return nil, fmt.Errorf("read the people of the last start: %w", err)
	}
	isNew := len(known.objects) == 0
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	options := fakeslack.Options{TeamID: inventedTeam, People: o.People, Known: known.objects, BaseURL: address, Log: log}
	start := time.Now().AddDate(0, 0, -7*pastWeeks)
	if back.keepsPast && isNew {
		options.Past = time.Since(start)
	}
	w := fakeslack.New(options)
	client := webapi.New("http://"+listener.Addr().String()+"/api/", w.Options().BotToken, log)
	deliverer := fakeslack.Deliverer{URL: address + "/slack/events", Secret: w.Options().SigningSecret}
	return &slackSide{
		invented:      true,
		othersKnown:   known.lacking(w),
		signingSecret: w.Options().SigningSecret,
		tokens:        []fullsync.Slack{client},
		images:        w.Handler(),
		serve: func(ctx context.Context, log *slog.Logger) error {
			return service.ServeListener(ctx, listener, onlyHere(w.Handler()), log)
		},
		begin: func(ctx context.Context) error {
			if !isNew && back.keepsPast {
				known.describe(out, o)
			}
			if err := movePictures(ctx, back.store, known.elsewhere, address); err != nil {
				return fmt.Errorf("move the pictures: %w", err)
			}
			if options.Past == 0 {
				return nil
			}
			if err := introduce(ctx, client, back.store); err != nil {
				return err
			}
			return invent(ctx, newProgress(out, o.Terminal), w, back.store, start)
		},
		live: func(ctx context.Context) error {
			err := w.Live(ctx, o.ChangeInterval, func(ctx context.Context, e fakeslack.Event) error {
				return deliverer.Deliver(ctx, e.Envelope)
			})
			if errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		},
	}, nil
}

// stored is what the store has of the invented workspace.
type stored struct {
	objects   []json.RawMessage // Slack's
	listed    []string          // ids of all but people of other workspaces
	elsewhere []string          // ids of those whose pictures the last start served at another address
}

// storedPeople returns the people in the store, none if the file is new. The first sync comes after the past, so a
// file without a sync has only a part of the past: storedPeople deletes it, and the caller invents it again. It also
// deletes the pages of an interrupted sync, which may list changes that were never delivered: the stored people,
// with whom this start begins, do not have them.
func storedPeople(ctx context.Context, store Store, address string) (all stored, err error) {
	if last, err := store.Syncs(ctx, inventedTeam, 1); err != nil {
		return all, err
	} else if len(last) == 0 {
		_, err := store.PurgeWorkspace(ctx, inventedTeam, func(int) {})
		return all, err
	} else if err := store.DeleteSyncPages(ctx, inventedTeam, last[0].ID); err != nil {
		return all, err
	}
	req := directory.PageRequest{Limit: maxStoredPage}
	for {
		page, err := store.Users(ctx, inventedTeam, req)
		if err != nil {
			return all, err
		}
		for _, u := range page.Users {
			all.objects = append(all.objects, u.Slack)
			if u.Kind != directory.External {
				all.listed = append(all.listed, u.ID)
			}
			if !bytes.Equal(servedAt(address, u.Slack), u.Slack) {
				all.elsewhere = append(all.elsewhere, u.ID)
			}
		}
		if req.After = page.Next; req.After == nil {
			return all, nil
		}
	}
}

// served is how the addresses of pictures begin.
var served = regexp.MustCompile(`http://127\.0\.0\.1:\d+/`)

// servedAt returns an address of a picture, or one of Slack's objects with its addresses, as this start serves them.
func servedAt(address string, text []byte) []byte {
	return served.ReplaceAllLiteral(text, []byte(address+"/"))
}

// movePictures stores where this start serves pictures, for people of a start with another PORT. A full sync does
// not repair that: it does not compare addresses of pictures. Nothing else of the people changes.
func movePictures(ctx context.Context, store directory.Store, ids []string, address string) error {
	moves, ctx := errgroup.WithContext(ctx)
	moves.SetLimit(maxConcurrentLoads)
	for _, id := range ids {
		moves.Go(func() error {
			for {
				err := movePicturesOf(ctx, store, id, address)
				if !errors.Is(err, directory.ErrConflict) { // with a message of the last start, still in Pub/Sub's emulator
					return err
				}
			}
		})
	}
	return moves.Wait()
}

func movePicturesOf(ctx context.Context, store directory.Store, id, address string) error {
	u, revision, err := store.User(ctx, inventedTeam, id)
	if err != nil {
		return err
	}
	u.Slack = servedAt(address, u.Slack)
	u.Image72, u.Image192 = string(servedAt(address, []byte(u.Image72))), string(servedAt(address, []byte(u.Image192)))
	for _, said := range []*directory.Said{u.Parts.Told, u.Parts.Listed} { // the next change makes u of them
		if said != nil {
			said.Object = servedAt(address, said.Object)
		}
	}
	return store.PutUser(ctx, u, revision, nil)
}

// lacking reports whether w lacks any of them, because another release invented them.
func (s stored) lacking(w *fakeslack.Workspace) bool {
	for _, id := range s.listed {
		if _, ok := w.Person(id); !ok {
			return true
		}
	}
	return false
}

func (s stored) describe(out io.Writer, o Options) {
	fmt.Fprintf(out, "The %d accounts are those of the last start, kept in %s\n", len(s.listed), o.Data)
	if o.People > 0 && o.People < len(s.listed) {
		fmt.Fprintf(out, "-people %d would be fewer, so all of them stay: to begin anew, delete the file or choose another with -data\n", o.People)
	}
}
