// Package sqlite keeps the directory in one file: the store of local mode.
//
// Each value is stored as JSON in the column document. The other columns are for
// selecting and ordering.
package sqlite

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	_ "modernc.org/sqlite" // the driver

	"rollcall/internal/directory"
)

// schemaVersion changes with schema.sql and with what the columns hold.
const schemaVersion = 5

//go:embed schema.sql
var schema string

const (
	busyTimeout        = time.Second
	maxConcurrentReads = 4
	pageSize           = 4096 // SQLite's default
	// maxLog is how many pages the write-ahead log gathers before they move to the
	// file, which waits for the disk.
	maxLog = 8_000
	// maxReadCache is for each reader, in KiB. With SQLite's default of 2,000, a fifth of the time for a page of 100,000 people goes into reading the file.
	maxReadCache = 16 << 10
	// maxWriteCache is for the writer, in KiB. A transaction that changes more than that writes pages twice.
	maxWriteCache = 64 << 10
)

// Store is an open file. It is safe for concurrent use.
type Store struct {
	path      string
	temporary bool
	write     *sql.DB // has one connection: SQLite allows one writer at a time
	read      *sql.DB
	put       statements
	queue     queue
	selects   sync.Map // prepared on read, by their text

	userWatchers   watchers[directory.User]
	recordWatchers watchers[directory.Record]
}

// Open opens the file at path and creates it if there is none. Only one process
// can have a file open. Removed users and records whose time has come are deleted.
func Open(path string) (*Store, error) { return open(path, false) }

// OpenTemporary opens a store that leaves nothing behind.
func OpenTemporary() (*Store, error) {
	dir, err := os.MkdirTemp("", "rollcall-")
	if err != nil {
		return nil, err
	}
	s, err := open(filepath.Join(dir, "rollcall.db"), true)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func open(path string, temporary bool) (*Store, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s is a folder: choose a file with -data, such as %s", path, filepath.Join(path, "rollcall.db"))
	}
	if err := create(path); err != nil {
		return nil, fmt.Errorf("%s cannot be written (%w): choose another file with -data", path, err)
	}
	synchronous := "normal"
	if temporary {
		synchronous = "off" // nobody reads it after a crash
	}
	s := &Store{path: path, temporary: temporary, queue: queue{turn: make(chan struct{}, 1)}}
	if s.write, err = s.connect("_txlock=immediate", "_pragma=temp_store(memory)", "_synchronous="+synchronous,
		fmt.Sprintf("_pragma=wal_autocheckpoint(%d)", maxLog), fmt.Sprintf("_pragma=cache_size(-%d)", maxWriteCache)); err != nil {
		return nil, err
	}
	s.write.SetMaxOpenConns(1)
	if s.read, err = s.connect("_query_only=1", fmt.Sprintf("_pragma=cache_size(-%d)", maxReadCache)); err != nil {
		return nil, errors.Join(err, s.write.Close())
	}
	s.read.SetMaxOpenConns(maxConcurrentReads)
	s.read.SetMaxIdleConns(maxConcurrentReads)
	err = s.prepare(context.Background(), time.Now())
	if err == nil {
		err = s.put.prepare(context.Background(), s.write)
	}
	if err != nil {
		return nil, errors.Join(s.explain(err), s.close())
	}
	return s, nil
}

// create makes an empty file that only its owner can read; SQLite gives its other files the same mode.
// A file that exists is left alone: to close it would end SQLite's locks on it.
func create(path string) error {
	err := os.MkdirAll(filepath.Dir(path), 0o700)
	if err == nil {
		var f *os.File
		if f, err = os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err == nil {
			err = f.Close()
		}
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err // without the path
	}
	return err
}

func (s *Store) connect(parameters ...string) (*sql.DB, error) {
	path := filepath.ToSlash(s.path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // C:/…
	}
	parameters = append(parameters, fmt.Sprintf("_busy_timeout=%d", busyTimeout.Milliseconds()))
	return sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: strings.Join(parameters, "&")}).String())
}

// prepare takes the file for this process, checks it and brings it up to date.
func (s *Store) prepare(ctx context.Context, now time.Time) error {
	if s.cutWithinPage() {
		return s.damaged()
	}
	c, err := s.write.Conn(ctx)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // back to the pool
	// Every process that has the file open holds a shared lock on it, so only the first can get
	// the exclusive one. Its next read in normal mode turns that into a shared one, as its own
	// readers need, without letting go. (Without the first read there would be no way back.)
	if err := execAll(ctx, c, "PRAGMA journal_mode = wal", anyRead, "PRAGMA locking_mode = exclusive", "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if err := s.check(ctx, c); err != nil {
		return err
	}
	// As Firestore's TTL does. Removed users are in no list.
	for _, table := range []string{"users", "changes"} {
		if _, err := c.ExecContext(ctx, "DELETE FROM "+table+" WHERE expire_at < ?", now.UnixMicro()); err != nil {
			return err
		}
	}
	return execAll(ctx, c, "COMMIT", "PRAGMA locking_mode = normal", anyRead)
}

const anyRead = "SELECT count(*) FROM sqlite_schema"

func execAll(ctx context.Context, c *sql.Conn, statements ...string) error {
	for _, statement := range statements {
		if _, err := c.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// cutWithinPage says whether the last page is incomplete, which SQLite accepts. While
// there is a log, the page may still be in it.
func (s *Store) cutWithinPage() bool {
	_, err := os.Stat(s.path + "-wal")
	if !errors.Is(err, fs.ErrNotExist) {
		return false
	}
	info, err := os.Stat(s.path)
	return err == nil && info.Mode().IsRegular() && info.Size()%pageSize != 0
}

// check creates the tables in an empty file, and refuses one that is damaged or has other tables.
func (s *Store) check(ctx context.Context, c *sql.Conn) error {
	var version, tables int
	if err := c.QueryRowContext(ctx, "SELECT user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_user_version").Scan(&version, &tables); err != nil {
		return err
	}
	if version == 0 && tables == 0 {
		_, err := c.ExecContext(ctx, schema+fmt.Sprintf("PRAGMA user_version = %d;", schemaVersion))
		return err
	}
	if version != schemaVersion {
		return s.damaged()
	}
	// Unlike integrity_check, quick_check does not compare the indexes with the tables. That would
	// double the second that it takes for 20,000 people, at every start.
	var result string
	if err := c.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&result); err != nil {
		return err
	}
	if result != "ok" {
		return s.damaged()
	}
	return nil
}

// Close closes the file.
func (s *Store) Close() error { return s.explain(s.close()) }

func (s *Store) close() error {
	err := errors.Join(s.read.Close(), s.write.Close())
	if s.temporary {
		err = errors.Join(err, os.RemoveAll(filepath.Dir(s.path)))
	}
	return err
}
