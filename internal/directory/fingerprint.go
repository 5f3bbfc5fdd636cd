package directory

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
)

// A fingerprint is 12 bits of a hash of the user's id over 31 bits of a hash of
// the content. A range of fingerprints is therefore a stable share of the
// users, and the sum over a million users still fits an int64 exactly.
//
// People of other workspaces (Slack Connect) have theirs negated: no listing
// has them, so they must not count in the sums that are compared with one.
const (
	idBits      = 12
	contentBits = 31
)

// FingerprintLimit is above every fingerprint; its negative is below.
const FingerprintLimit int64 = 1 << (idBits + contentBits)

// FingerprintRange holds the fingerprints from From to To, To not included.
type FingerprintRange struct{ From, To int64 }

// The ranges of all who are in listings, and of all who never are.
var (
	Listed    = FingerprintRange{1, FingerprintLimit}
	Externals = FingerprintRange{-FingerprintLimit, 0}
)

// FromListing returns the user whom Slack's whole object describes, as a
// directory that knows nothing else would store it. An error wraps [ErrInvalid].
func FromListing(teamID string, user json.RawMessage) (User, error) {
	u, _, err := Apply(nil, Change{Operation: Insert, TeamID: teamID, User: user, Version: 1, Source: FromSync})
	return u, err
}

// scheme changes with how documents are made of Slack's objects, so that the
// next full sync makes all of them anew.
const scheme = "2:"

// fingerprint takes the canonical form of Slack's object. It is never 0, which stands for none.
func fingerprint(id string, external bool, canonical json.RawMessage) int64 {
	fp := int64(hash([]byte(id))>>(64-idBits)<<contentBits | max(1, hash(append([]byte(scheme), canonical...))>>(64-contentBits)))
	if external {
		return -fp
	}
	return fp
}

// hash is the first eight bytes of SHA-256: the same in every process and release.
func hash(b []byte) uint64 {
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:8])
}
