package httpcall

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

// What is written is what is read, and nothing that tells who asks comes along.
func TestRequest(t *testing.T) {
	header := http.Header{}
	header.Set("Content-Type", "application/json")
	header.Set("Authorization", "Bearer secret")
	header.Set("Cookie", "a=b")
	b, err := AppendRequest(nil, "POST", "/v1/chat/completions?x=1", header, []byte("{}\r\n\r\n{}"))
	require.NoError(t, err)
	require.NotContains(t, string(b), "secret")
	r, err := ReadRequest(b)
	require.NoError(t, err)
	require.Equal(t, "POST", r.Method)
	require.Equal(t, "/v1/chat/completions", r.URL.Path)
	require.Equal(t, "1", r.URL.Query().Get("x"))
	require.Equal(t, http.Header{"Content-Type": {"application/json"}}, r.Header)
	body, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, "{}\r\n\r\n{}", string(body))
}

func TestBadRequests(t *testing.T) {
	for _, c := range []struct{ method, target string }{
		{"GET", ""}, {"GET", "v1"}, {"GET", "//host/x"}, {"GET", "http://host/x"}, {"GET", "/a b"}, {"GET", "/a\r\nX: y"},
		{"", "/"}, {"GET /", "/"}, {"GET", "/" + strings.Repeat("a", MaxHead)},
	} {
		_, err := AppendRequest(nil, c.method, c.target, nil, nil)
		require.ErrorIs(t, err, ErrMessage, "%q", c)
	}
	_, err := AppendRequest(nil, "GET", "/", http.Header{"Accept": {"a\r\nX: y"}}, nil)
	require.ErrorIs(t, err, ErrMessage)
	for _, b := range []string{
		"", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\n\r\nbody", "GET / HTTP/1.1\r\nContent-Length: 3\r\n\r\nbody",
		"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "GET http://host/ HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
		"GET / HTTP/1.1\r\nX: " + strings.Repeat("a", MaxHead) + "\r\n\r\n",
	} {
		_, err := ReadRequest([]byte(b))
		require.ErrorIs(t, err, ErrMessage, b[:min(len(b), 60)])
	}
}

func TestResponse(t *testing.T) {
	b, err := AppendHead(nil, 200, http.Header{"Content-Type": {"text/event-stream"}, "Set-Cookie": {"a=b"}, "Server": {"vllm"}})
	require.NoError(t, err)
	r := bufio.NewReader(iotest.OneByteReader(bytes.NewReader(append(b, "data: 1\n\n"...))))
	status, header, err := ReadResponse(r)
	require.NoError(t, err)
	require.Equal(t, 200, status)
	require.Equal(t, http.Header{"Content-Type": {"text/event-stream"}}, header)
	body, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "data: 1\n\n", string(body))

	_, err = AppendHead(nil, 101, nil)
	require.ErrorIs(t, err, ErrMessage)
	_, err = AppendHead(nil, 200, http.Header{"Content-Type": {"a\nb"}})
	require.ErrorIs(t, err, ErrMessage)
	for _, bad := range []string{"\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 99 No\r\n\r\n", "HTTP/1.1 200 OK\r\nno header\r\n\r\n", "{\"error\":1}\r\n\r\n", strings.Repeat("a", MaxHead+3)} {
		_, _, err := ReadResponse(bufio.NewReader(strings.NewReader(bad)))
		require.ErrorIs(t, err, ErrMessage, bad[:min(len(bad), 40)])
	}
	_, _, err = ReadResponse(bufio.NewReader(strings.NewReader("HTTP/1.1 200 OK\r\n")))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

// FuzzReadResponse: what a node answers never costs more than its bound, and what is read can be written.
func FuzzReadResponse(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Type: a\r\n\r\nbody"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Type : a\r\n\r\nbody"))
	f.Fuzz(func(t *testing.T, b []byte) {
		status, header, err := ReadResponse(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			return
		}
		again, err := AppendHead(nil, status, header)
		if err != nil {
			return // a control character in a header
		}
		status2, header2, err := ReadResponse(bufio.NewReader(bytes.NewReader(again)))
		require.NoError(t, err)
		require.Equal(t, status, status2)
		require.Equal(t, header, header2)
	})
}

// FuzzReadRequest: what a customer asks is read or refused, never more.
func FuzzReadRequest(f *testing.F) {
	f.Add([]byte("POST /v1/x HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ReadRequest(b)
		if err != nil {
			require.ErrorIs(t, err, ErrMessage)
			return
		}
		require.Empty(t, r.URL.Host)
	})
}
