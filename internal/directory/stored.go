package directory

import "time"

// Stored is what a full sync needs to know of a stored user.
type Stored struct {
	ID          string
	Fingerprint int64
	Kind        Kind
	Version     Version
	Updated     int64     // Slack's own, Unix seconds
	Written     time.Time // when the store wrote it, by the store's clock
	// Told and Listed are the parts without their objects; nil where nothing was said.
	Told, Listed *Said
}

// StoredOf returns what a full sync needs to know of u, which the store wrote at
// that time. It needs nothing of Slack's JSON in u.
func StoredOf(u User, written time.Time) Stored {
	s := Stored{ID: u.ID, Fingerprint: u.Fingerprint, Kind: u.Kind, Version: u.Version, Updated: u.Updated, Written: written,
		Told: u.Parts.Told.head(), Listed: u.Parts.Listed.head()}
	if !u.olderRelease() {
		return s
	}
	if said := (&Said{Version: u.SlackVersion, Updated: u.Updated}); u.Source == FromSync {
		said.InList = u.Kind != External
		s.Listed = said
	} else {
		s.Told = said
	}
	return s
}

// head returns s without its object.
func (s *Said) head() *Said {
	if s == nil {
		return nil
	}
	return &Said{Version: s.Version, Updated: s.Updated, InList: s.InList}
}
