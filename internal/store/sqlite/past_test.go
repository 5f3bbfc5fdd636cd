package sqlite

import (
	"testing"
	"time"

	"rollcall/internal/directory"
)

// TestRecordsOfThePast: a record that has a time keeps it, unless that is not after the newest record's.
func TestRecordsOfThePast(t *testing.T) {
	s := openFile(t, t.TempDir()+"/x.db")
	lastWeek := time.Now().AddDate(0, 0, -7).UTC().Truncate(time.Microsecond)
	for i, tt := range []struct{ at, want time.Time }{
		{lastWeek, lastWeek},
		{lastWeek.Add(time.Hour), lastWeek.Add(time.Hour)},
		{lastWeek.Add(time.Minute), lastWeek.Add(time.Hour + time.Microsecond)},
		{time.Time{}, time.Now()},
	} {
		u := directory.User{TeamID: "T1", ID: "U1", SortName: "a"}
		r := directory.Record{ID: string(rune('a' + i)), TeamID: "T1", UserID: "U1", Type: directory.UserUpdated, WrittenAt: tt.at, ExpireAt: time.Now().Add(time.Hour)}
		if err := s.PutUser(t.Context(), u, directory.Revision(i), &r); err != nil {
			t.Fatal(err)
		}
		written, err := s.Record(t.Context(), "T1", r.ID)
		if err != nil || written.WrittenAt.Sub(tt.want).Abs() > time.Minute || !tt.at.IsZero() && !written.WrittenAt.Equal(tt.want) {
			t.Errorf("%v was written at %v, %v; want %v", tt.at, written.WrittenAt, err, tt.want)
		}
	}
}
