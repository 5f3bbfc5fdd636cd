package function

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"
)

// TestServe: the function gets every path, a panic ends only its own request, and Serve returns
// after the request in flight is finished.
func TestServe(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if err := listener.Close(); err != nil { // the framework opens it again
		t.Fatal(err)
	}
	t.Setenv("K_SERVICE", "greet")
	t.Setenv("FUNCTION_TARGET", "")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	entered, leave := make(chan struct{}), make(chan struct{})
	served := make(chan error, 1)
	go func() {
		served <- Serve(ctx, "greet", "127.0.0.1", port, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/panic":
				panic("greeted too hard")
			case "/slow":
				close(entered)
				<-leave
			}
			fmt.Fprint(w, "hello ", r.Header.Get("X-Name"))
		}), slog.New(slog.DiscardHandler))
	}()
	address := fmt.Sprintf("http://127.0.0.1:%d", port)
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if status, _, err := ask(t, address+"/health"); status == http.StatusOK {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("health: status %d, error %v", status, err)
		}
	}
	for path, want := range map[string]string{"/": "hello Ada", "/projects/p/topics/t": "hello Ada",
		"/panic": "A panic occurred during user function execution. Please see logs for more details.\n"} {
		if _, body, err := ask(t, address+path); err != nil || body != want {
			t.Errorf("%s: %q, error %v", path, body, err)
		}
	}
	answered := make(chan string, 1)
	go func() {
		_, body, err := ask(t, address+"/slow")
		answered <- fmt.Sprint(body, err)
	}()
	<-entered
	stop()
	select {
	case err := <-served:
		t.Fatalf("stopped with a request in flight: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	close(leave)
	if got := <-answered; got != "hello Ada<nil>" {
		t.Errorf("the request in flight: %s", got)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func ask(t *testing.T, url string) (status int, body string, err error) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("X-Name", "Ada")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}
