// Package identity provides Google's validator of identity tokens with a cache of Google's keys. On
// its own the validator fetches keys for every token until it has some, even for forged ones, and
// does not tell a wrong token from missing keys.
package identity

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
	"google.golang.org/api/idtoken"
	"google.golang.org/api/option"
)

// ErrKeys means that Google's keys could not be fetched, so a token can be neither accepted nor refused.
var ErrKeys = errors.New("could not fetch the keys of Google's identity tokens")

const (
	fetchTimeout = 5 * time.Second
	// retryInterval is the pause after a failed fetch.
	retryInterval = 5 * time.Second
	// minKeep and maxKeep bound how long keys are kept, whatever Cache-Control says. Usually it says hours.
	minKeep, maxKeep = time.Minute, 24 * time.Hour
	// maxKeys bounds the bytes of an answer. Google's are a few KiB.
	maxKeys = 1 << 20
)

// NewValidator returns a validator that fetches keys through base, one fetch at a time. Keys are kept as
// long as Google says and renewed before they expire, so that a short outage does no harm.
func NewValidator(ctx context.Context, base http.RoundTripper) (*idtoken.Validator, error) {
	client := &http.Client{Transport: &keys{base: base, sets: map[string]set{}}}
	return idtoken.NewValidator(ctx, option.WithHTTPClient(client))
}

// Algorithm returns the algorithm that a token's header names, and the length of its signature. Check
// them first: for other algorithms the validator fetches other keys, and some signatures make it panic.
func Algorithm(token string) (name string, size int) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", 0
	}
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	signature, serr := base64.RawURLEncoding.DecodeString(parts[2])
	var h struct {
		Algorithm string `json:"alg"`
	}
	if err != nil || serr != nil || json.Unmarshal(header, &h) != nil {
		return "", 0
	}
	return h.Algorithm, len(signature)
}

// keys answers the validator's requests from memory.
type keys struct {
	base     http.RoundTripper
	fetching singleflight.Group

	mu   sync.Mutex
	sets map[string]set // by URL: the validator knows two
}

// set is one of Google's answers.
type set struct {
	body                  []byte
	renew, expires, retry time.Time // retry: no earlier than this after a failure
}

// RoundTrip implements [http.RoundTripper].
func (k *keys) RoundTrip(r *http.Request) (*http.Response, error) {
	address, now := r.URL.String(), time.Now()
	s := k.get(address)
	switch {
	case now.Before(s.renew):
		return s.answer(r, s.renew.Sub(now)), nil
	case now.Before(s.retry):
	default:
		fetched := k.fetching.DoChan(address, func() (any, error) { return nil, k.fetch(address) })
		if now.Before(s.expires) {
			break // do not wait while the keys are valid
		}
		select {
		case <-r.Context().Done():
			return nil, r.Context().Err()
		case f := <-fetched:
			if f.Err != nil {
				return nil, fmt.Errorf("%w: %w", ErrKeys, f.Err)
			}
			s = k.get(address)
			return s.answer(r, s.renew.Sub(now)), nil
		}
	}
	if now.Before(s.expires) {
		return s.answer(r, 0), nil
	}
	return nil, fmt.Errorf("%w: the last attempt failed just now", ErrKeys)
}

func (k *keys) get(address string) set {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sets[address]
}

// fetch has a context of its own, because several requests may wait for it.
func (k *keys) fetch(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	body, keep, err := k.ask(ctx, address)
	k.mu.Lock()
	defer k.mu.Unlock()
	s, now := k.sets[address], time.Now()
	if err != nil {
		s.retry = now.Add(retryInterval)
	} else {
		s = set{body: body, renew: now.Add(keep * 3 / 4), expires: now.Add(keep)}
	}
	k.sets[address] = s
	return err
}

func (k *keys) ask(ctx context.Context, address string) ([]byte, time.Duration, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil) //nolint:gosec // Google's URLs, or a test's
	if err != nil {
		return nil, 0, err
	}
	resp, err := k.base.RoundTrip(r)
	if err != nil {
		return nil, 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("status %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxKeys))
	if err != nil {
		return nil, 0, err
	}
	var some struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &some); err != nil || len(some.Keys) == 0 {
		return nil, 0, errors.New("no keys in the answer")
	}
	return body, min(max(maxAge(resp.Header), minKeep), maxKeep), nil
}

// maxAge returns how long an answer stays fresh (RFC 9111), 0 if it does not say.
func maxAge(h http.Header) time.Duration {
	seconds := func(s string) time.Duration {
		n, _ := strconv.ParseUint(strings.TrimSpace(s), 10, 31)
		return time.Duration(n) * time.Second
	}
	for directive := range strings.SplitSeq(h.Get("Cache-Control"), ",") {
		if name, value, _ := strings.Cut(strings.TrimSpace(directive), "="); strings.EqualFold(name, "max-age") {
			return seconds(value) - seconds(h.Get("Age"))
		}
	}
	return 0
}

// answer repeats Google's answer and lets the validator keep it for that time.
func (s set) answer(r *http.Request, keep time.Duration) *http.Response {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Cache-Control": {"max-age=" + strconv.Itoa(int(keep.Seconds()))}},
		Body:   io.NopCloser(bytes.NewReader(s.body)), ContentLength: int64(len(s.body)),
	}
}
