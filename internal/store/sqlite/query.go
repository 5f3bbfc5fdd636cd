package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"

	jsonv2 "github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
)

// query calls visit for each row. The statement stays prepared.
func (s *Store) query(ctx context.Context, visit func(*sql.Rows) error, text string, args ...any) error {
	prepared, ok := s.selects.Load(text)
	if !ok {
		statement, err := s.read.PrepareContext(ctx, text)
		if err != nil {
			return s.explain(err)
		}
		var loaded bool
		if prepared, loaded = s.selects.LoadOrStore(text, statement); loaded {
			statement.Close() //nolint:errcheck // somebody else was faster
		}
	}
	rows, err := prepared.(*sql.Stmt).QueryContext(ctx, args...)
	if err != nil {
		return s.explain(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err reports it
	for rows.Next() {
		if err := visit(rows); err != nil {
			return s.explain(err)
		}
	}
	return s.explain(rows.Err())
}

// queryRow reads the query's one row. If there is none, it leaves the targets alone.
func (s *Store) queryRow(ctx context.Context, to []any, text string, args ...any) error {
	return s.query(ctx, func(rows *sql.Rows) error { return rows.Scan(to...) }, text, args...)
}

// maxRoom bounds the room for rows that are only expected.
const maxRoom = 100

// documents decodes the query's one column. It makes room for as many rows as are expected: they are large to move.
func documents[T any](ctx context.Context, s *Store, expected int, text string, args ...any) ([]T, error) {
	all := make([]T, 0, min(expected, maxRoom))
	err := s.query(ctx, func(rows *sql.Rows) error {
		var document []byte
		if err := rows.Scan(&document); err != nil {
			return err
		}
		v, err := decode[T](s, document)
		all = append(all, v)
		return err
	}, text, args...)
	return all, err
}

// exec executes one statement, and returns how many rows it changed.
func (s *Store) exec(ctx context.Context, text string, args ...any) (changed int64, err error) {
	result, err := s.write.ExecContext(ctx, text, args...)
	if err != nil {
		return 0, s.explain(err)
	}
	return result.RowsAffected()
}

// encode returns v as JSON, with Slack's object unescaped.
func encode(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n"))), err
}

// decode reads what encode wrote. It accepts what encoding/json accepts, but is faster: most of a page's time goes into this.
func decode[T any](s *Store, document []byte) (v T, err error) {
	if jsonv2.Unmarshal(document, &v, jsonv1.DefaultOptionsV1()) != nil {
		return v, s.damaged()
	}
	return v, nil
}
