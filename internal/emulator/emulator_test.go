package emulator

import (
	"net/http"
	"os"
	"testing"
	"time"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

func TestPauseAndResume(t *testing.T) {
	e := Firestore(t)
	if again := Firestore(t); again != e {
		t.Error("started twice")
	}
	client := &http.Client{Timeout: 300 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
	get := func() error {
		resp, err := client.Get("http://" + e.Host)
		if err == nil {
			resp.Body.Close()
		}
		return err
	}
	if err := get(); err != nil {
		t.Fatal(err)
	}
	e.Pause(t)
	if err := get(); err == nil {
		t.Error("a paused emulator answers")
	}
	e.Resume(t)
	client.Timeout = 10 * time.Second
	if err := get(); err != nil {
		t.Error(err)
	}
}

func TestPubSub(t *testing.T) {
	if e := PubSub(t); e.Host == "" {
		t.Error("no host")
	}
}
