package faults

import (
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cloud.google.com/go/firestore/apiv1/firestorepb"
	"google.golang.org/protobuf/proto"
)

// writes are the writes of users that Firestore has accepted.
type writes struct {
	mu  sync.Mutex
	all map[string][]write // by document
	n   int
}

type write struct {
	at                    time.Time // Firestore's time, which is in the order of writes
	version, slackVersion int64
}

// seen records the writes in a call that Firestore has answered.
func (w *writes) seen(method string, request, answer []byte) {
	var asked firestorepb.CommitRequest
	var done firestorepb.CommitResponse
	if method != "Commit" || unframe(request, &asked) != nil || unframe(answer, &done) != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, one := range asked.GetWrites() {
		document := one.GetUpdate()
		if !strings.Contains(document.GetName(), "/users/") || i >= len(done.GetWriteResults()) {
			continue
		}
		at := done.GetWriteResults()[i].GetUpdateTime()
		if at == nil {
			at = done.GetCommitTime()
		}
		w.n++
		w.all[document.GetName()] = append(w.all[document.GetName()], write{
			at:           at.AsTime(),
			version:      document.GetFields()["version"].GetIntegerValue(),
			slackVersion: document.GetFields()["slack_version"].GetIntegerValue(),
		})
	}
}

// unframe decodes the message of a unary call: a byte, a length, the message.
func unframe(b []byte, m proto.Message) error {
	const prefix = 5
	if len(b) < prefix || b[0] != 0 || len(b) < prefix+int(binary.BigEndian.Uint32(b[1:])) {
		return proto.Error
	}
	return proto.Unmarshal(b[prefix:prefix+int(binary.BigEndian.Uint32(b[1:]))], m)
}

// count returns the number of writes.
func (w *writes) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.n
}

// inOrder fails the test if an older version ever replaced a newer one.
func (w *writes) inOrder(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for document, all := range w.all {
		slices.SortStableFunc(all, func(a, b write) int { return a.at.Compare(b.at) })
		for i := range len(all) - 1 {
			erased := all[i+1].slackVersion == 0 // of a forgotten person no object is left
			if all[i+1].version < all[i].version || !erased && all[i+1].slackVersion < all[i].slackVersion {
				t.Errorf("%s was written out of order: %+v", document, all)
				break
			}
		}
	}
	if w.n == 0 {
		t.Error("no write was seen: the test proves nothing")
	}
}
