package fakeslack

import (
	"context"
	"errors"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack/socketmode"
)

// connect runs slack-go's client until the test ends. It returns after the hello.
func connect(t *testing.T, o Options, onEvent func(*socketmode.Client, socketmode.Event)) *Workspace {
	t.Helper()
	w, server := serve(t, o)
	c := socketmode.New(client(w, server), socketmode.OptionPingInterval(time.Second), socketmode.OptionLog(log.New(io.Discard, "", 0)))
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended, reading, hello := make(chan struct{}), make(chan struct{}), make(chan struct{}, 10)
	go func() {
		defer close(ended)
		if err := c.RunContext(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("the client ended with %v", err)
		}
	}()
	go func() {
		defer close(reading)
		for {
			select {
			case <-ended:
				return
			case e := <-c.Events:
				switch e.Type {
				case socketmode.EventTypeHello:
					hello <- struct{}{}
				case socketmode.EventTypeEventsAPI:
					onEvent(c, e)
				case socketmode.EventTypeErrorBadMessage, socketmode.EventTypeConnectionError:
					if ctx.Err() == nil {
						t.Errorf("%s: %v", e.Type, e.Data)
					}
				}
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-ended; <-reading })
	select {
	case <-hello:
	case <-time.After(10 * time.Second):
		t.Fatal("no hello")
	}
	return w
}

// joined returns the event of a joiner that slack-go can read, so without custom fields that are [].
func joined(w *Workspace) Event {
	for {
		e := w.Join()[0]
		if !strings.Contains(string(e.Envelope), `"fields":[]`) {
			return e
		}
	}
}

func TestSocketMode(t *testing.T) {
	got := make(chan socketmode.Request, 10)
	w := connect(t, Options{SocketPingInterval: 100 * time.Millisecond, AckTimeout: 2 * time.Second}, func(c *socketmode.Client, e socketmode.Event) {
		got <- *e.Request
		if err := c.Ack(*e.Request); err != nil {
			t.Error(err)
		}
	})
	event := joined(w)
	if err := w.SendSocket(t.Context(), event); err != nil {
		t.Fatal(err)
	}
	r := <-got
	if decode[envelope](t, r.Payload).Event.User["id"] != event.UserID || r.RetryAttempt != 0 {
		t.Errorf("attempt %d: %s", r.RetryAttempt, r.Payload)
	}
	// The client would have given the connection up without pings.
	time.Sleep(1500 * time.Millisecond)
	if err := w.SendSocket(t.Context(), event); err != nil {
		t.Error(err)
	}
	w.Disconnect()
	if err := w.SendSocket(t.Context(), event); err != nil {
		t.Errorf("after a reconnection: %v", err)
	}
}

func TestSocketModeRepeats(t *testing.T) {
	attempts := make(chan int, 10)
	w := connect(t, Options{AckTimeout: 100 * time.Millisecond}, func(c *socketmode.Client, e socketmode.Event) {
		attempts <- e.Request.RetryAttempt
		if e.Request.RetryAttempt == 2 {
			if err := c.Ack(*e.Request); err != nil {
				t.Error(err)
			}
		}
	})
	if err := w.SendSocket(t.Context(), joined(w)); err != nil {
		t.Error(err)
	}
	if len(attempts) != 3 {
		t.Errorf("%d attempts", len(attempts))
	}
}

func TestSocketModeWithoutClient(t *testing.T) {
	w, server := serve(t, Options{AckTimeout: time.Millisecond})
	if err := w.SendSocket(t.Context(), joined(w)); !errors.Is(err, ErrNotAcknowledged) {
		t.Errorf("error %v", err)
	}
	response, err := http.Get(server.URL + "/socket?ticket=guessed")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusForbidden {
		t.Errorf("a guessed ticket: %d", response.StatusCode)
	}
}
