package slack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

const secret = "8f742231b10e8888abcd99yyyzzz85a5"

func sign(secret string, at int64, body string) http.Header {
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "v0:%d:%s", at, body)
	h := http.Header{}
	h.Set("X-Slack-Request-Timestamp", strconv.FormatInt(at, 10))
	h.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	return h
}

func verify(v Verifier, h http.Header, body []byte) error {
	signature, err := v.Header(h)
	if err != nil {
		return err
	}
	return signature.Check(body)
}

func TestVerify(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		now := time.Now().Unix()
		with := func(key, value string) http.Header {
			h := sign(secret, now, "body")
			if value == "" {
				h.Del(key)
			} else {
				h.Set(key, value)
			}
			return h
		}
		const sig, ts = "X-Slack-Signature", "X-Slack-Request-Timestamp"
		tests := []struct {
			name   string
			header http.Header
			ok     bool
		}{
			{"signed", sign(secret, now, "body"), true},
			{"five minutes old", sign(secret, now-300, "body"), true},
			{"five minutes ahead", sign(secret, now+300, "body"), true},
			{"too old", sign(secret, now-301, "body"), false},
			{"too far ahead", sign(secret, now+301, "body"), false},
			{"another body", sign(secret, now, "Body"), false},
			{"another secret", sign("guess", now, "body"), false},
			{"no headers", http.Header{}, false},
			{"no signature", with(sig, ""), false},
			{"no timestamp", with(ts, ""), false},
			{"timestamp in words", with(ts, "now"), false},
			{"timestamp as fraction", with(ts, fmt.Sprintf("%d.5", now)), false},
			{"another timestamp", with(ts, strconv.FormatInt(now+1, 10)), false},
			{"version 1", with(sig, "v1="+sign(secret, now, "body").Get(sig)[3:]), false},
			{"no version", with(sig, sign(secret, now, "body").Get(sig)[3:]), false},
			{"not hex", with(sig, "v0="+strings.Repeat("z", 64)), false},
			{"cut short", with(sig, sign(secret, now, "body").Get(sig)[:20]), false},
			{"empty signature", with(sig, "v0="), false},
		}
		v := NewVerifier(secret)
		for _, tt := range tests {
			err := verify(v, tt.header, []byte("body"))
			if tt.ok && err != nil || !tt.ok && !errors.Is(err, ErrSignature) {
				t.Errorf("%s: %v", tt.name, err)
			}
		}
	})
}

// FuzzVerify: only the right signature passes, nothing panics, and no
// error quotes the right signature.
func FuzzVerify(f *testing.F) {
	f.Add("1648596712", "v0=abc", []byte("body"))
	f.Add(strconv.FormatInt(time.Now().Unix(), 10), "v0="+strings.Repeat("0", 64), []byte(`{}`))
	f.Add("99999999999999999999", "v0=", []byte(nil))
	f.Add("-1", "v1=00", []byte("\xff"))
	f.Fuzz(func(t *testing.T, timestamp, signature string, body []byte) {
		h := http.Header{"X-Slack-Request-Timestamp": {timestamp}, "X-Slack-Signature": {signature}}
		mac := hmac.New(sha256.New, []byte(secret))
		fmt.Fprintf(mac, "v0:%s:%s", timestamp, body)
		right := hex.EncodeToString(mac.Sum(nil))
		err := verify(NewVerifier(secret), h, body)
		if err == nil && !strings.EqualFold(signature, "v0="+right) {
			t.Errorf("passed with %q at %q", signature, timestamp)
		}
		if err != nil && strings.Contains(err.Error(), right) {
			t.Error("the error gives the right signature away")
		}
	})
}
