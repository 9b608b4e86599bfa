package service

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
)

// server is an HTTP server that runs on this machine already.
type server struct {
	*app
	client *http.Client
}

func newServer(a *app) *server {
	return &server{app: a, client: &http.Client{
		Transport: &http.Transport{
			// The machine's own server: no proxy, and bytes as they are.
			DisableCompression: true, MaxIdleConnsPerHost: a.Processes, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: maxHead,
		},
		// A customer must not have this machine fetch other addresses.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// refuses is a status and words for what customers may not ask, or 0.
func (s *server) refuses(r *http.Request) (int, string) {
	if s.path(r) == "" {
		return http.StatusNotFound, "there is no " + r.Method + " " + r.URL.Path + " of this app"
	}
	if r.Header.Get("Content-Encoding") != "" {
		return http.StatusUnsupportedMediaType, "a body is sent without a Content-Encoding"
	}
	return 0, ""
}

// path is the allowed path that a request asks for, written as the operator wrote it: how a customer escapes it says
// nothing to the server.
func (s *server) path(r *http.Request) string {
	for _, p := range s.Paths {
		if method, path, _ := strings.Cut(p, " "); method == r.Method && path == r.URL.Path {
			return path
		}
	}
	return ""
}

// ask implements source.
func (s *server) ask(ctx context.Context, _ receipt.SessionID, r *http.Request, body []byte) (*answer, error) {
	if s.Model != "" && r.Method == http.MethodGet && s.path(r) == "/v1/models" {
		return s.models(), nil
	}
	addedUsage := false
	if r.Method == http.MethodPost && (s.Model != "" || s.Unit == MeterTokens) {
		body, addedUsage = s.rewrite(body)
	}
	target := s.URL + s.path(r)
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	resp, err := s.do(ctx, r.Method, target, r.Header, body) //nolint:bodyclose // done closes it
	if err != nil {
		if ctx.Err() == nil {
			s.health.found(err)
		}
		return nil, err
	}
	return &answer{Response: resp, addedUsage: addedUsage, done: func(error) { resp.Body.Close() }}, nil
}

// do asks the server, with patience and bounds for its answer. Its body ends with the context.
func (s *server) do(ctx context.Context, method, target string, header http.Header, body []byte) (*http.Response, error) {
	limited, cancel := context.WithCancel(ctx)
	p := &patience{held: s.set.held.Load, abort: cancel}
	asked, err := http.NewRequestWithContext(limited, method, target, bytes.NewReader(body))
	if err != nil {
		cancel()
		return nil, err
	}
	asked.Header = header.Clone()
	var resp *http.Response
	p.wait(s.Patience, func() { resp, err = s.client.Do(asked) }) //nolint:bodyclose // serverBody closes it
	if err != nil {
		cancel()
		return nil, faultOf(ctx, p, err)
	}
	resp.Body = &serverBody{bounded: bounded{from: resp.Body, left: s.MaxAnswer, limit: s.Patience, patience: p}, ctx: ctx, body: resp.Body, cancel: cancel}
	return resp, nil
}

func faultOf(ctx context.Context, p *patience, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case p.isSpent():
		return errSlow
	}
	return fmt.Errorf("the server does not answer: %w", err)
}

// serverBody is an answer's body, with the reason in its errors.
type serverBody struct {
	bounded
	ctx    context.Context
	body   io.Closer
	cancel context.CancelFunc
	once   sync.Once
}

// Read implements io.Reader.
func (b *serverBody) Read(p []byte) (int, error) {
	n, err := b.bounded.Read(p)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, errEndless) {
		err = faultOf(b.ctx, b.patience, err)
	}
	return n, err
}

// Close ends the request, whatever of its answer is left.
func (b *serverBody) Close() (err error) {
	b.once.Do(func() {
		b.cancel()
		err = b.body.Close()
	})
	return err
}

// models are the app alone: what else the server has is not served.
func (s *server) models() *answer {
	text := fmt.Sprintf(`{"object":"list","data":[{"id":%s,"object":"model","created":0,"owned_by":"emc"}]}`, quoted(s.App))
	return &answer{
		Response: &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(text))},
		done:     func(error) {},
	}
}

// check implements source: a server that answers anything but its own failure is well.
func (s *server) check(ctx context.Context) {
	path := "/"
	for _, p := range s.Paths {
		if method, at, _ := strings.Cut(p, " "); method == http.MethodGet {
			path = at
			break
		}
	}
	ctx, cancel := context.WithTimeout(ctx, s.Patience)
	defer cancel()
	resp, err := s.do(ctx, http.MethodGet, s.URL+path, http.Header{}, nil)
	if err == nil {
		resp.Body.Close()
		if resp.StatusCode >= http.StatusInternalServerError {
			err = fmt.Errorf("%s answers with status %d", path, resp.StatusCode)
		}
	}
	if s.set.ctx.Err() == nil {
		s.health.found(err)
	}
}
