package firestore

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"cloud.google.com/go/firestore"
	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"rollcall/internal/directory"
	"rollcall/internal/emulator"
)

// calls counts what Firestore is asked, and how many documents a commit writes.
type calls []string

func (c *calls) unary(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	what := method[len("/google.firestore.v1.Firestore/"):]
	if commit, ok := request.(*firestorepb.CommitRequest); ok {
		what = fmt.Sprintf("%s of %d", what, len(commit.GetWrites()))
	}
	*c = append(*c, what)
	return invoke(ctx, method, request, reply, conn, opts...)
}

func (c *calls) stream(ctx context.Context, d *grpc.StreamDesc, conn *grpc.ClientConn, method string, stream grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	*c = append(*c, method[len("/google.firestore.v1.Firestore/"):])
	return stream(ctx, d, conn, method, opts...)
}

// TestCost: a change of status is a read and a write, as without history; a change of
// title is one commit of two documents; a message that comes again reads its record, too.
func TestCost(t *testing.T) {
	var asked calls
	conn, err := grpc.NewClient(emulator.Firestore(t).Host, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithPerRPCCredentials(owner{}), grpc.WithUnaryInterceptor(asked.unary), grpc.WithStreamInterceptor(asked.stream))
	if err != nil {
		t.Fatal(err)
	}
	client, err := firestore.NewClient(t.Context(), fmt.Sprintf("contract-%d", projects.Add(1)), option.WithGRPCConn(conn))
	if err != nil {
		t.Fatal(err)
	}
	s := New(client)
	defer s.Close()
	const read = "BatchGetDocuments"
	for _, step := range []struct {
		name    string
		version directory.Version
		profile string
		history time.Duration
		want    calls
	}{
		{"joined", 1, `"title":"Analyst"`, time.Hour, calls{read, "Commit of 2"}},
		{"status", 2, `"title":"Analyst","status_text":"busy"`, time.Hour, calls{read, "Commit of 1"}},
		{"title", 3, `"title":"Baker","status_text":"busy"`, time.Hour, calls{read, "Commit of 2"}},
		{"title again", 3, `"title":"Baker","status_text":"busy"`, time.Hour, calls{read, read}},
		{"title without history", 4, `"title":"Cook","status_text":"busy"`, 0, calls{read, "Commit of 1"}},
		{"again without history", 4, `"title":"Cook","status_text":"busy"`, 0, calls{read}},
		{"forgotten", 5, `"x":1},"is_forgotten":true,"y":{"z":2`, time.Hour, calls{read, "Commit of 2", "RunQuery", "BatchWrite"}},
		{"forgotten again", 5, `"x":1},"is_forgotten":true,"y":{"z":2`, time.Hour, calls{read, read, "RunQuery"}},
	} {
		c, err := directory.NewChange(directory.Change{Operation: directory.Insert, TeamID: "T1", Version: step.version, Source: directory.FromEvent,
			User: fmt.Appendf(nil, `{"id":"U1","name":"ada","profile":{%s}}`, step.profile)})
		if err != nil {
			t.Fatal(err)
		}
		asked = nil
		if _, err := directory.ApplyTo(t.Context(), s, c, step.history); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, asked); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
}

// TestErasureOfManyRecords: more than are read at a time.
func TestErasureOfManyRecords(t *testing.T) {
	s := open(t, &recorder{seen: map[string]query{}})
	writer := s.client.BulkWriter(t.Context())
	for i := range maxErased + 7 {
		r := directory.Record{ID: fmt.Sprintf("r%d", i), Type: directory.UserUpdated, TeamID: "T1", UserID: "U1", ExpireAt: time.Now().Add(time.Hour)}
		if _, err := writer.Create(s.changes("T1").Doc(r.ID), s.recordDocument(r)); err != nil {
			t.Fatal(err)
		}
	}
	writer.End()
	if err := s.EraseRecords(t.Context(), "T1", "U1"); err != nil {
		t.Fatal(err)
	}
	if n, err := s.CountRecords(t.Context(), "T1", directory.RecordFilter{}); n != 0 || err != nil {
		t.Errorf("%d records are left, error %v", n, err)
	}
}

// TestCommitEnds: a commit with a record that takes too long is given up, because the
// record would appear behind readers of the feed.
func TestCommitEnds(t *testing.T) {
	var left time.Duration
	conn, err := grpc.NewClient("passthrough:nobody", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithUnaryInterceptor(func(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ grpc.UnaryInvoker, _ ...grpc.CallOption) error {
			if deadline, ok := ctx.Deadline(); ok {
				left = time.Until(deadline)
			}
			return errors.New("no server")
		}))
	if err != nil {
		t.Fatal(err)
	}
	client, err := firestore.NewClient(t.Context(), "p", option.WithGRPCConn(conn))
	if err != nil {
		t.Fatal(err)
	}
	s := New(client)
	defer s.Close()
	r := directory.Record{ID: "r1", TeamID: "T1", UserID: "U1"}
	if err := s.PutUser(t.Context(), directory.User{ID: "U1", TeamID: "T1"}, 0, &r); err == nil || left <= 0 || left > commitTimeout || s.horizon < commitTimeout+5*time.Second {
		t.Errorf("error %v, %v for the commit, a horizon of %v", err, left, s.horizon)
	}
}
