package sqlite

import (
	"bytes"
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rollcall/internal/directory"
	"rollcall/internal/store/storetest"
)

// TestMain is also the other process of [openElsewhere].
func TestMain(m *testing.M) {
	if path := os.Getenv("OPEN_FILE"); path != "" {
		s, err := Open(path)
		if err == nil {
			err = s.Close()
		}
		if err != nil {
			fmt.Fprint(os.Stdout, err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// openElsewhere opens and closes the file in another process, and returns its error.
func openElsewhere(t *testing.T, path string, environ ...string) error {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), program)
	c.Env = slices.Concat(os.Environ(), environ, []string{"OPEN_FILE=" + path})
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.Output()
	if err != nil {
		t.Fatalf("the other process: %v\n%s", err, &stderr)
	}
	if len(out) > 0 {
		return errors.New(string(out))
	}
	return nil
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Store {
		s, err := OpenTemporary()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		return s
	})
}

func openFile(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// wantSentence fails unless err is one line that says all of it.
func wantSentence(t *testing.T, err error, all ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range all {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q is more than a line", err)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "down", "50% of x?.db")
	s := openFile(t, path)
	_, err := Open(path)
	wantSentence(t, err, path, "open in another process", "-data")
	wantSentence(t, openElsewhere(t, path), path, "open in another process", "-data")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := openElsewhere(t, path); err != nil {
		t.Error(err)
	}
	openFile(t, path)
}

func TestOnlyTheOwnerCanRead(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	s := openFile(t, filepath.Join(dir, "x.db"))
	if err := s.PutUser(t.Context(), directory.User{ID: "U1", TeamID: "T1", SortName: "ada"}, 0, nil); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		info, err := f.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, error %v", f.Name(), info.Mode(), err)
		}
		names = append(names, f.Name())
	}
	if want := []string{"x.db", "x.db-shm", "x.db-wal"}; !slices.Equal(names, want) {
		t.Errorf("files %v, want %v", names, want)
	}
}

func TestTemporaryLeavesNothing(t *testing.T) {
	s, err := OpenTemporary()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(s.path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// TestReopen: what was written is there, and what has expired is swept.
func TestReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	s := openFile(t, path)
	now := time.Now().UTC()
	for _, u := range []directory.User{
		{ID: "U1", TeamID: "T1", SortName: "ada"},
		{ID: "U2", TeamID: "T1", Removed: true, ExpireAt: now.Add(time.Hour)},
		{ID: "U3", TeamID: "T1", Removed: true, ExpireAt: now.Add(-time.Hour)},
	} {
		r := directory.Record{ID: "of-" + u.ID, Type: directory.UserCreated, TeamID: "T1", UserID: u.ID, ExpireAt: cmp.Or(u.ExpireAt, now.Add(time.Hour))}
		if err := s.PutUser(t.Context(), u, 0, &r); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = openFile(t, path)
	for id, want := range map[string]error{"U1": nil, "U2": nil, "U3": directory.ErrNotFound} {
		if _, _, err := s.User(t.Context(), "T1", id); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", id, err, want)
		}
		if _, err := s.Record(t.Context(), "T1", "of-"+id); !errors.Is(err, want) {
			t.Errorf("history of %s: %v, want %v", id, err, want)
		}
	}
	// While the file is open, too: the next record takes the expired ones away.
	for _, r := range []directory.Record{
		{ID: "expired", Type: directory.UserCreated, TeamID: "T1", UserID: "U4", ExpireAt: now.Add(-time.Hour)},
		{ID: "next", Type: directory.UserCreated, TeamID: "T1", UserID: "U5", ExpireAt: now.Add(time.Hour)},
	} {
		if err := s.PutUser(t.Context(), directory.User{ID: r.UserID, TeamID: "T1"}, 0, &r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Record(t.Context(), "T1", "expired"); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("an expired record: %v", err)
	}
}

// put stores n people, and returns the first error.
func put(t *testing.T, s *Store, n int) error {
	t.Helper()
	for i := range n {
		u, err := directory.FromListing("T1", fmt.Appendf(nil, `{"id":"U%06d","name":"ada.lovelace","profile":{"real_name":"Ada Lovelace","title":"%0500d"}}`, i, i))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.PutUser(t.Context(), u, 0, nil); err != nil {
			return err
		}
	}
	return nil
}

// useAll does with the store what local mode does, until something fails.
func useAll(t *testing.T, s *Store) error {
	ctx := t.Context()
	_, err := s.Workspaces(ctx)
	for _, order := range []directory.Order{directory.ByName, directory.ByChange} {
		if err == nil {
			_, err = s.Users(ctx, "T1", directory.PageRequest{Limit: 1000, Order: order, Filter: directory.Filter{Words: []string{"ada", "love"}}})
		}
	}
	if err == nil {
		_, err = s.Fingerprints(ctx, "T1", directory.Listed)
	}
	if err == nil {
		var revision directory.Revision
		var u directory.User
		if u, revision, err = s.User(ctx, "T1", "U000050"); err == nil {
			u.Version++
			err = s.PutUser(ctx, u, revision, nil)
		}
	}
	return err
}

const sayDamaged = "delete it, and the next start loads everybody"

// TestDamagedFile: cut short, overwritten or somebody else's, a file gets the sentence, and is left as it is.
func TestDamagedFile(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole.db")
	s := openFile(t, whole)
	if err := put(t, s, 100); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	files := map[string][]byte{
		"text":           []byte("This is no database, but a file of some length that somebody has chosen by mistake."),
		"one byte":       {0},
		"header only":    good[:100],
		"noise":          bytes.Repeat([]byte("\xED\xDA\x0C\xED"), page),
		"another schema": slices.Concat(good[:60], []byte{0, 0, 0, 99}, good[64:]), // PRAGMA user_version is at offset 60
	}
	for n := 1; n < 16; n++ {
		files[fmt.Sprintf("cut to %d/16", n)] = good[:len(good)*n/16]
	}
	files["cut by a byte"] = good[:len(good)-1]
	for name, content := range files {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, "x.db")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := Open(path)
			if err == nil {
				err = useAll(t, s)
				s.Close()
			}
			wantSentence(t, err, path, sayDamaged)
			left, err := os.ReadFile(path)
			if err != nil || !bytes.Equal(left, content) {
				t.Errorf("the file has changed, error %v", err)
			}
		})
	}
	// A page that is overwritten may be one that nothing is in. Then all works.
	for i := 0; i < len(good)/page; i++ {
		path := filepath.Join(dir, "y.db")
		content := slices.Clone(good)
		copy(content[i*page:], bytes.Repeat([]byte{0xA5}, page))
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(path)
		if err == nil {
			err = useAll(t, s)
			s.Close()
		}
		if err != nil {
			wantSentence(t, err, path, sayDamaged)
		} else if i < 2 {
			t.Errorf("page %d: no error", i)
		}
	}
}

func TestAnothersDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("CREATE TABLE users (name TEXT)"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = Open(path)
	wantSentence(t, err, path, sayDamaged)
}

// TestDamagedLater: damage that shows only when somebody is read.
func TestDamagedLater(t *testing.T) {
	s := openFile(t, filepath.Join(t.TempDir(), "x.db"))
	if err := put(t, s, 1); err != nil {
		t.Fatal(err)
	}
	if _, err := s.exec(t.Context(), `UPDATE users SET document = '{"id":'`); err != nil {
		t.Fatal(err)
	}
	_, _, err := s.User(t.Context(), "T1", "U000000")
	wantSentence(t, err, s.path, sayDamaged)
	_, err = s.Users(t.Context(), "T1", directory.PageRequest{Limit: 1})
	wantSentence(t, err, s.path, sayDamaged)
	wantSentence(t, s.PutUser(t.Context(), directory.User{ID: "U000000", TeamID: "T1"}, 1, nil), s.path, sayDamaged)
}

func TestFolderThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	if os.Geteuid() == 0 {
		dir = "/sys" // not even root can make files there
	} else if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "x.db"), filepath.Join(dir, "deeper", "x.db")} {
		_, err := Open(path)
		wantSentence(t, err, path, "cannot be written", "-data")
	}
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	_, err := Open(dir)
	wantSentence(t, err, dir+" is a folder", "-data", filepath.Join(dir, "rollcall.db"))
}

// TestFullDisk: what does not fit is refused with a sentence. What is there stays, and once there is room all works again.
func TestFullDisk(t *testing.T) {
	s := openFile(t, filepath.Join(t.TempDir(), "x.db"))
	limit := func(pages int) {
		if _, err := s.exec(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(100)
	wantSentence(t, put(t, s, 1000), s.path, "full", "make room")
	n, _, err := s.Count(t.Context(), "T1", directory.Filter{})
	if n == 0 || err != nil {
		t.Errorf("%d people are left, error %v", n, err)
	}
	limit(10_000)
	u := directory.User{ID: "UX", TeamID: "T1", SortName: "grace"}
	if err := s.PutUser(t.Context(), u, 0, nil); err != nil {
		t.Error(err)
	}
	if after, _, err := s.Count(t.Context(), "T1", directory.Filter{}); after != n+1 || err != nil {
		t.Errorf("%d people, want %d, error %v", after, n+1, err)
	}
}
