//go:build unix

package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFileThatBecameReadOnly: the file was written before, and now it or its folder can only be read.
func TestFileThatBecameReadOnly(t *testing.T) {
	for name, tt := range map[string]struct {
		dir, file os.FileMode
		writable  bool
	}{
		"neither": {0o777, 0o666, true},
		"file":    {0o777, 0o444, false},
		"folder":  {0o555, 0o666, false},
		"both":    {0o555, 0o444, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "x.db")
			s := openFile(t, path)
			if err := put(t, s, 1); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(os.Chmod(path, tt.file), os.Chmod(dir, tt.dir)); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := os.Chmod(dir, 0o700); err != nil {
					t.Error(err)
				}
			})
			var err error
			if os.Geteuid() == 0 {
				err = openElsewhere(t, "/x.db", "AS_NOBODY_IN="+dir)
			} else {
				err = openElsewhere(t, path)
			}
			if !tt.writable {
				wantSentence(t, err, "x.db or its folder cannot be written", "-data")
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

// In the other process, root becomes a user who must obey modes. That user may not enter the folders
// above a test's own, which therefore becomes the root folder.
func init() {
	const nobody = 65534
	if dir := os.Getenv("AS_NOBODY_IN"); dir != "" {
		if err := errors.Join(syscall.Chroot(dir), os.Chdir("/"), syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
			panic(err)
		}
	}
}
