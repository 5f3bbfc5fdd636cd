package directory

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
)

// A fingerprint is 12 bits of a hash of the user's id over 31 bits of a hash of
// the content. A range of fingerprints is therefore a stable share of the
// users, and the sum over a million users still fits an int64 exactly.
const (
	idBits      = 12
	contentBits = 31
)

// fingerprint takes the canonical form of Slack's object.
func fingerprint(id string, canonical json.RawMessage) int64 {
	return int64(hash([]byte(id))>>(64-idBits)<<contentBits | hash(canonical)>>(64-contentBits))
}

// hash is the first eight bytes of SHA-256: the same in every process and release.
func hash(b []byte) uint64 {
	sum := sha256.Sum256(b)
	return binary.BigEndian.Uint64(sum[:8])
}
