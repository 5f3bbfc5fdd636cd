package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"
)

// damaged is also the error for a file of another release. Deleting it loses nothing but
// history, because Slack has the rest.
func (s *Store) damaged() error {
	return fmt.Errorf("%s is damaged or from another release: delete it, and the next start loads everybody from Slack", s.path)
}

// explain turns SQLite's errors into sentences that say what to do.
// SQLite's page "Result and Error Codes" has the codes.
func (s *Store) explain(err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() & 0xFF { // the rest says where it came up
	case codes.SQLITE_CORRUPT, codes.SQLITE_NOTADB, codes.SQLITE_FORMAT:
		return s.damaged()
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return fmt.Errorf("%s is open in another process: stop that one, or choose another file with -data", s.path)
	case codes.SQLITE_FULL:
		return fmt.Errorf("the disk that holds %s is full: make room, or choose another file with -data", s.path)
	case codes.SQLITE_READONLY, codes.SQLITE_CANTOPEN, codes.SQLITE_PERM, codes.SQLITE_AUTH:
		return fmt.Errorf("%s or its folder cannot be written: allow it, or choose another file with -data", s.path)
	case codes.SQLITE_IOERR:
		return fmt.Errorf("%s cannot be read or written (%w): the disk may be full or failing", s.path, err)
	}
	return fmt.Errorf("%s: %w", s.path, err)
}
