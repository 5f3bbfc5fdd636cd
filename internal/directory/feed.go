package directory

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"
)

// RecordFilter selects records. A record must match every field that is set.
type RecordFilter struct {
	Types          []RecordType // any of them
	UserID         string
	Oldest, Latest time.Time // WrittenAt in [Oldest, Latest)
}

// RecordCursor is a position in the history. The zero RecordCursor is its beginning.
type RecordCursor struct {
	WrittenAt time.Time
	ID        string
}

// RecordCursorOf returns r's position.
func RecordCursorOf(r Record) RecordCursor { return RecordCursor{r.WrittenAt, r.ID} }

// String returns c as text for a URL.
func (c RecordCursor) String() string {
	micros := int64(0)
	if !c.WrittenAt.IsZero() {
		micros = c.WrittenAt.UnixMicro()
	}
	b, err := json.Marshal([]any{micros, c.ID})
	if err != nil {
		panic(err) // a string and a number can always be encoded
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// ParseRecordCursor is the inverse of [RecordCursor.String], and takes nothing else.
// An error wraps [ErrInvalid].
func ParseRecordCursor(text string) (c RecordCursor, err error) {
	var micros int64
	parts := []any{&micros, &c.ID}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(b, &parts)
	}
	if micros != 0 {
		c.WrittenAt = time.UnixMicro(micros).UTC()
	}
	if err != nil || len(parts) != 2 || c.ID != "" && ValidateID("id", c.ID) != nil || c.String() != text {
		return RecordCursor{}, fmt.Errorf("%w: not a cursor", ErrInvalid)
	}
	return c, nil
}

// RecordPageRequest asks for at most Limit records that match Filter, the newest
// first, after or before a cursor, or from the newest on. At most one of After and
// Before may be set.
type RecordPageRequest struct {
	Filter        RecordFilter
	Limit         int
	After, Before *RecordCursor
}

// RecordPage is a part of the history, the newest record first. Prev and Next are the
// cursors to ask for Before and After to get the neighbouring pages, nil if there are none.
type RecordPage struct {
	Records    []Record
	Prev, Next *RecordCursor
}

// NewRecordPage builds a page from rows in query order. Fetch Limit+1 rows so that it
// can tell whether more follow.
func NewRecordPage(req RecordPageRequest, rows []Record) RecordPage {
	rows, stopped := cut(rows, req.Limit, RecordCursorOf)
	prev, next := neighbours(req.After, req.Before, rows, stopped, RecordCursorOf)
	return RecordPage{rows, prev, next}
}

// FeedRequest asks for the next Limit records after a cursor, the oldest first.
type FeedRequest struct {
	Filter RecordFilter
	After  RecordCursor
	Limit  int
}

// Feed is what comes next in the history, the oldest record first. A reader who continues
// from Next each time gets every record once, even while others are being written.
type Feed struct {
	Records []Record
	Next    RecordCursor
	More    bool // there are more already
}

// NewFeed builds a feed from rows in query order. It stops at the horizon: beyond it, records
// with earlier times may still appear. Fetch Limit+1 rows so that it can tell whether more
// follow.
func NewFeed(req FeedRequest, rows []Record, horizon time.Time) Feed {
	f := Feed{Next: req.After}
	for _, r := range rows {
		if !r.WrittenAt.Before(horizon) {
			break
		}
		if f.More = len(f.Records) == req.Limit; f.More {
			break
		}
		f.Records, f.Next = append(f.Records, r), RecordCursorOf(r)
	}
	return f
}
