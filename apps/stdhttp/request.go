package stdhttp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
)

// Bounds of one request.
const (
	MaxHead = 16 << 10
	MaxBody = 16 << 20
)

// Request is what a customer asks, read to its end.
type Request struct {
	Method string
	Path   string // without %xx
	Query  string
	Header Header
	Body   []byte
}

// badRequest is a request after which nothing can be read: where the next one begins is unknown.
type badRequest struct {
	status int
	words  string
}

func (b badRequest) Error() string { return b.words }

func bad(status int, format string, args ...any) error {
	return badRequest{status, fmt.Sprintf(format, args...)}
}

// readRequest fails with io.EOF where the input ends between two requests.
func readRequest(in *bufio.Reader) (*Request, error) {
	left := MaxHead
	first, err := readLine(in, &left)
	for err == nil && first == "" { // an empty line in front of a request is looked past
		first, err = readLine(in, &left)
	}
	if err != nil {
		return nil, err
	}
	method, rest, _ := strings.Cut(first, " ")
	target, version, found := strings.Cut(rest, " ")
	if !token(method) || !found || !strings.HasPrefix(target, "/") {
		return nil, bad(400, "the first line %.80q is not METHOD /path HTTP/1.1", first)
	}
	if version != "HTTP/1.1" {
		return nil, bad(505, "version %.20q is not HTTP/1.1", version)
	}
	r := &Request{Method: method, Header: Header{}}
	path, query, _ := strings.Cut(target, "?")
	r.Query = query
	if r.Path, err = url.PathUnescape(path); err != nil {
		return nil, bad(400, "the path %.80q has a broken escape", path)
	}
	if err := r.readHeaders(in, &left); err != nil {
		return nil, unexpected(err)
	}
	return r, unexpected(r.readBody(in))
}

func (r *Request) readHeaders(in *bufio.Reader, left *int) error {
	for {
		line, err := readLine(in, left)
		if err != nil || line == "" {
			return err
		}
		name, value, found := strings.Cut(line, ":")
		if !found || !token(name) {
			return bad(400, "the header %.80q is not NAME: VALUE", line)
		}
		value = strings.TrimSpace(value)
		// Two lengths that differ are how one request is smuggled inside another.
		if old := r.Header.Get(name); old != "" && strings.EqualFold(name, "content-length") && old != value {
			return bad(400, "two lengths of the body")
		}
		r.Header.Set(name, value)
	}
}

func (r *Request) readBody(in *bufio.Reader) error {
	if r.Header.Get("Transfer-Encoding") != "" {
		return bad(411, "a body needs a Content-Length")
	}
	length := r.Header.Get("Content-Length")
	if length == "" {
		return nil
	}
	n, err := strconv.ParseUint(length, 10, 63)
	switch {
	case err != nil:
		return bad(400, "Content-Length %.40q is no number", length)
	case n > MaxBody:
		return bad(413, "a body of %d bytes, the most is %d", n, MaxBody)
	}
	var body bytes.Buffer // grows with what comes, not with what is announced
	if _, err := io.CopyN(&body, in, int64(n)); err != nil {
		return err
	}
	r.Body = body.Bytes()
	return nil
}

// readLine reads a line without its end.
func readLine(in *bufio.Reader, left *int) (string, error) {
	var line []byte
	for *left > 0 {
		c, err := in.ReadByte()
		if err != nil && len(line) > 0 {
			err = unexpected(err)
		}
		if err != nil {
			return "", err
		}
		*left--
		if c == '\n' {
			return strings.TrimSuffix(string(line), "\r"), nil
		}
		line = append(line, c)
	}
	return "", bad(431, "a head of more than %d bytes", MaxHead)
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
