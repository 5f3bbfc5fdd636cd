package firestore

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"rollcall/internal/emulator"
	"rollcall/internal/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(emulator.Main(m)) }

// projects keeps tests apart: to the emulator each project is a database of its own.
var projects atomic.Int32

func open(t *testing.T) *Store {
	t.Helper()
	t.Setenv("FIRESTORE_EMULATOR_HOST", emulator.Firestore(t).Host)
	s, err := Open(t.Context(), fmt.Sprintf("contract-%d", projects.Add(1)), "(default)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestContract(t *testing.T) {
	emulator.Firestore(t)
	storetest.Run(t, func(t *testing.T) storetest.Store { return open(t) })
}
