package faults

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
)

// calls is a proxy for gRPC calls that can answer some of them itself. It injects
// faults that a TCP connection cannot have.
type calls struct {
	host   string
	proxy  *httputil.ReverseProxy
	faults atomic.Pointer[judges]
	seen   func(method string, request, answer []byte) // called after each call that the server has answered; may be nil
}

// judges answer calls in place of the server, unless they return codes.OK. They may block.
type judges struct {
	before judge // the call does not reach the server
	after  judge // the server has answered, and the answer is lost
}

type judge func(ctx context.Context, method string) codes.Code

func pass(context.Context, string) codes.Code { return codes.OK }

func always(code codes.Code) judge {
	return func(context.Context, string) codes.Code { return code }
}

// silent does not answer until the caller has given up.
func silent(ctx context.Context, _ string) codes.Code {
	<-ctx.Done()
	return codes.Canceled
}

// often lets a judge decide about a percentage of the calls of some methods.
func (r *rig) often(percent int, j judge, methods ...string) judge {
	return func(ctx context.Context, method string) codes.Code {
		if slices.Contains(methods, method) && r.dice.roll(100) < percent {
			return j(ctx, method)
		}
		return codes.OK
	}
}

func newCalls(t testing.TB, server string, seen func(method string, request, answer []byte)) *calls {
	t.Helper()
	c := &calls{seen: seen}
	c.pass()
	var plain http.Protocols // HTTP/2 without TLS, as emulators use
	plain.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: &plain}
	c.proxy = &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: server}) },
		Transport:      transport,
		ModifyResponse: c.answered,
		ErrorHandler:   func(w http.ResponseWriter, _ *http.Request, _ error) { refuse(w.Header(), codes.Unavailable) },
		ErrorLog:       log.New(io.Discard, "", 0),
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.host = listener.Addr().String()
	front := &http.Server{Handler: c, Protocols: &plain, ErrorLog: log.New(io.Discard, "", 0)}
	served := make(chan error, 1)
	go func() { served <- front.Serve(listener) }()
	t.Cleanup(func() {
		if err := front.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		transport.CloseIdleConnections()
	})
	return c
}

// pass ends all faults.
func (c *calls) pass() { c.disturb(judges{}) }

// disturb lets judges decide from now on.
func (c *calls) disturb(j judges) {
	if j.before == nil {
		j.before = pass
	}
	if j.after == nil {
		j.after = pass
	}
	c.faults.Store(&j)
}

// request is a call in the context of its answer.
type request struct {
	method string
	body   []byte
}

type requestKey struct{}

func (c *calls) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := path.Base(r.URL.Path)
	if streams[method] {
		c.proxy.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller has gone
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if code := c.faults.Load().before(r.Context(), method); code != codes.OK {
		refuse(w.Header(), code)
		return
	}
	c.proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), requestKey{}, request{method, body})))
}

// streams are the calls that do not end.
var streams = map[string]bool{"Listen": true, "Write": true, "StreamingPull": true}

// answered reads the server's whole answer, and may replace it.
func (c *calls) answered(resp *http.Response) error {
	call, ok := resp.Request.Context().Value(requestKey{}).(request)
	if !ok {
		return nil
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if err := resp.Body.Close(); err != nil {
		return err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if c.seen != nil && len(body) > 0 {
		c.seen(call.method, call.body, body)
	}
	if code := c.faults.Load().after(resp.Request.Context(), call.method); code != codes.OK {
		refuse(resp.Header, code)
		resp.Body, resp.ContentLength, resp.Trailer = http.NoBody, 0, nil
	}
	return nil
}

// refuse makes an answer with only a status, which gRPC then puts in the header.
func refuse(h http.Header, code codes.Code) {
	h.Set("Content-Type", "application/grpc")
	h.Set("Grpc-Status", strconv.Itoa(int(code)))
	h.Set("Grpc-Message", "injected by the test")
}
