package stdhttp

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// app answers in all the ways that there are.
func app(w *ResponseWriter, r *Request) error {
	switch r.Path {
	case "/echo":
		w.Header().Set("Content-Type", "text/plain\r\nX-Evil: 1")
		_, err := w.Write(append([]byte(r.Method+" "+r.Query+" "), r.Body...))
		return err
	case "/stream":
		for _, s := range []string{"one ", "two ", "three"} {
			if _, err := w.WriteString(s); err != nil {
				return err
			}
			if err := w.Flush(); err != nil {
				return err
			}
		}
		return nil
	case "/large":
		_, err := w.Write(make([]byte, 2*maxWhole))
		return err
	case "/nothing":
		w.WriteHeader(http.StatusNoContent)
		return nil
	case "/broken":
		_, err := w.WriteString("half")
		return errors.Join(err, w.Flush(), errors.New("on purpose"))
	}
	return WriteError(w, Error{Status: 404, Message: "no " + r.Path, Param: "path"})
}

func ask(method, target, body string) string {
	r, err := http.NewRequest(method, "http://app"+target, strings.NewReader(body))
	if err != nil {
		panic(err)
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		panic(err)
	}
	return b.String()
}

// Answers on one connection are what net/http's client reads, one after the other.
func TestServe(t *testing.T) {
	in := ask("POST", "/echo?a=b", "hello") + ask("GET", "/stream", "") + "\r\n" + ask("GET", "/large", "") + ask("GET", "/nothing", "") +
		ask("HEAD", "/echo", "") + ask("GET", "/a%20b", "") + ask("HEAD", "/stream", "") + ask("POST", "/echo", "")
	var out bytes.Buffer
	require.NoError(t, Serve(app, iotest.OneByteReader(strings.NewReader(in)), &out))
	answers := bufio.NewReader(&out)
	read := func(method string) (*http.Response, string) {
		t.Helper()
		resp, err := http.ReadResponse(answers, &http.Request{Method: method})
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		return resp, string(body)
	}
	resp, body := read("POST")
	require.Equal(t, "POST a=b hello", body)
	require.Equal(t, int64(len(body)), resp.ContentLength)
	require.Equal(t, "text/plain  X-Evil: 1", resp.Header.Get("Content-Type"))
	require.Empty(t, resp.Header.Get("X-Evil"))
	resp, body = read("GET")
	require.Equal(t, "one two three", body)
	require.Equal(t, []string{"chunked"}, resp.TransferEncoding)
	_, body = read("GET")
	require.Len(t, body, 2*maxWhole)
	resp, _ = read("GET")
	require.Equal(t, 204, resp.StatusCode)
	_, body = read("HEAD")
	require.Empty(t, body)
	resp, body = read("GET")
	require.Equal(t, 404, resp.StatusCode)
	require.JSONEq(t, `{"error":{"message":"no /a b","type":"invalid_request_error","param":"path","code":null}}`, body)
	_, body = read("HEAD")
	require.Empty(t, body)
	_, body = read("POST")
	require.Equal(t, "POST  ", body)
	require.Zero(t, answers.Buffered())
}

// A request that is none is answered, and nothing after it is believed.
func TestBadRequests(t *testing.T) {
	for name, c := range map[string]struct {
		in     string
		status int
	}{
		"text":             {"hello\r\n\r\n", 400},
		"version":          {"GET / HTTP/1.0\r\n\r\n", 505},
		"no path":          {"GET http://a/ HTTP/1.1\r\n\r\n", 400},
		"escape":           {"GET /%zz HTTP/1.1\r\n\r\n", 400},
		"header":           {"GET / HTTP/1.1\r\nX : y\r\n\r\n", 400},
		"large head":       {"GET / HTTP/1.1\r\nX: " + strings.Repeat("y", MaxHead), 431},
		"large body":       {"GET / HTTP/1.1\r\nContent-Length: 16777217\r\n\r\n", 413},
		"no length":        {"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
		"two lengths":      {"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
		"chunked requests": {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			require.Error(t, Serve(app, strings.NewReader(c.in+ask("GET", "/echo", "")), &out))
			answers := bufio.NewReader(&out)
			resp, err := http.ReadResponse(answers, nil)
			require.NoError(t, err)
			require.Equal(t, c.status, resp.StatusCode)
			var e struct{ Error struct{ Message string } }
			require.NoError(t, json.NewDecoder(resp.Body).Decode(&e))
			require.NotEmpty(t, e.Error.Message)
			_, _ = io.Copy(io.Discard, resp.Body)
			require.Zero(t, answers.Buffered(), "something more was answered")
		})
	}
	for _, cut := range []string{"GET /", "GET / HTTP/1.1\r\nA: b\r\n", "GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab"} {
		require.ErrorIs(t, Serve(app, strings.NewReader(cut), io.Discard), io.ErrUnexpectedEOF)
	}
	var out bytes.Buffer
	require.ErrorContains(t, Serve(app, strings.NewReader(ask("GET", "/broken", "")), &out), "on purpose")
	require.NotContains(t, out.String(), "\r\n0\r\n", "half an answer looks whole")
}

func FuzzServe(f *testing.F) {
	f.Add([]byte(ask("POST", "/echo?a", "hello") + ask("GET", "/stream", "")))
	f.Add([]byte("GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var out bytes.Buffer
		_ = Serve(func(w *ResponseWriter, r *Request) error {
			if len(r.Body) > len(in) {
				t.Fatal("a body out of nothing")
			}
			return WriteError(w, Error{Status: 404, Message: r.Path})
		}, bytes.NewReader(in), &out)
		for answers := bufio.NewReader(&out); ; {
			resp, err := http.ReadResponse(answers, nil)
			if err != nil {
				require.ErrorIs(t, err, io.ErrUnexpectedEOF) // between two answers
				return
			}
			_, err = io.Copy(io.Discard, resp.Body)
			require.NoError(t, err)
		}
	})
}
