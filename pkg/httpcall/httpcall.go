package httpcall

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// MaxHead bounds what stands before a body: the first line and the headers.
const MaxHead = 16 << 10

// ErrMessage means bytes that are no HTTP message of this package.
var ErrMessage = errors.New("not an HTTP message")

// carried are the headers that come along, in the order in which they are written.
var (
	requestHeaders  = []string{"Accept", "Content-Encoding", "Content-Type"}
	responseHeaders = []string{"Content-Disposition", "Content-Encoding", "Content-Language", "Content-Type", "Retry-After"}
)

// AppendRequest appends a request. target is its path and query, such as
// /v1/chat/completions. It fails with ErrMessage.
func AppendRequest(b []byte, method, target string, header http.Header, body []byte) ([]byte, error) {
	u, err := url.ParseRequestURI(target)
	if err != nil || u.Host != "" || !strings.HasPrefix(target, "/") || strings.HasPrefix(target, "//") || strings.ContainsAny(target, " \r\n") {
		return nil, fmt.Errorf("%w: the target %q is not a path", ErrMessage, clip(target))
	}
	if !token(method) {
		return nil, fmt.Errorf("%w: the method %q", ErrMessage, clip(method))
	}
	begin := len(b)
	b = fmt.Appendf(b, "%s %s HTTP/1.1\r\nHost: app\r\n", method, target)
	if b, err = appendHeaders(b, header, requestHeaders); err != nil {
		return nil, err
	}
	b = fmt.Appendf(b, "Content-Length: %d\r\n\r\n", len(body))
	if len(b)-begin > MaxHead {
		return nil, fmt.Errorf("%w: path and headers of %d bytes, the most is %d", ErrMessage, len(b)-begin, MaxHead)
	}
	return append(b, body...), nil
}

// ReadRequest reads what AppendRequest wrote. It fails with ErrMessage.
func ReadRequest(b []byte) (*http.Request, error) {
	head, body, found := bytes.Cut(b, []byte("\r\n\r\n"))
	if !found || len(head) > MaxHead {
		return nil, fmt.Errorf("%w: no end of the headers in its first %d bytes", ErrMessage, MaxHead)
	}
	r, err := http.ReadRequest(bufio.NewReader(io.MultiReader(bytes.NewReader(head), strings.NewReader("\r\n\r\n"))))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	if r.ContentLength != int64(len(body)) || len(r.TransferEncoding) > 0 || r.URL.Host != "" || !strings.HasPrefix(r.RequestURI, "/") || strings.HasPrefix(r.RequestURI, "//") {
		return nil, fmt.Errorf("%w: a path and the length of the body are expected", ErrMessage)
	}
	r.Header = pick(r.Header, requestHeaders)
	r.Body, r.RequestURI = io.NopCloser(bytes.NewReader(body)), ""
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	return r, nil
}

// AppendHead appends all of a response that comes before its body. It fails with ErrMessage.
func AppendHead(b []byte, status int, header http.Header) ([]byte, error) {
	if status < 200 || status > 599 {
		return nil, fmt.Errorf("%w: the status %d", ErrMessage, status)
	}
	begin := len(b)
	b = fmt.Appendf(b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	b, err := appendHeaders(b, header, responseHeaders)
	if err != nil {
		return nil, err
	}
	b = append(b, "\r\n"...)
	if len(b)-begin > MaxHead {
		return nil, fmt.Errorf("%w: headers of %d bytes, the most is %d", ErrMessage, len(b)-begin, MaxHead)
	}
	return b, nil
}

// ReadResponse reads a response's head, and leaves its body in r. It fails with
// ErrMessage for a head that is none, and with r's error where r breaks.
func ReadResponse(r *bufio.Reader) (status int, header http.Header, err error) {
	lines, left := []string(nil), MaxHead
	for {
		line, err := readLine(r, left)
		if err != nil {
			return 0, nil, err
		}
		if left -= len(line) + 2; line == "" {
			break
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return 0, nil, fmt.Errorf("%w: an empty first line", ErrMessage)
	}
	version, rest, _ := strings.Cut(lines[0], " ")
	code, _, _ := strings.Cut(rest, " ")
	status, err = strconv.Atoi(code)
	if version != "HTTP/1.1" || err != nil || status < 200 || status > 599 {
		return 0, nil, fmt.Errorf("%w: its first line is %q", ErrMessage, clip(lines[0]))
	}
	header = http.Header{}
	for _, line := range lines[1:] {
		name, value, found := strings.Cut(line, ":")
		if !found || !token(name) {
			return 0, nil, fmt.Errorf("%w: the header %q", ErrMessage, clip(line))
		}
		header.Add(name, strings.TrimSpace(value))
	}
	return status, pick(header, responseHeaders), nil
}

// readLine reads a line that ends in CR LF, of at most so many bytes.
func readLine(r *bufio.Reader, most int) (string, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > most+2 {
			return "", fmt.Errorf("%w: a head of more than %d bytes", ErrMessage, MaxHead)
		}
		if line = append(line, part...); errors.Is(err, bufio.ErrBufferFull) || err == nil && !bytes.HasSuffix(line, []byte("\r\n")) {
			continue // a line feed alone ends none
		}
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return "", err
		}
		return string(line[:len(line)-2]), nil
	}
}

func appendHeaders(b []byte, header http.Header, names []string) ([]byte, error) {
	for _, name := range names {
		value := header.Get(name)
		if strings.ContainsAny(value, "\r\n\x00") {
			return nil, fmt.Errorf("%w: the header %s has several lines", ErrMessage, name)
		}
		if value != "" {
			b = fmt.Appendf(b, "%s: %s\r\n", name, value)
		}
	}
	return b, nil
}

func pick(header http.Header, names []string) http.Header {
	out := http.Header{}
	for _, name := range names {
		if value := header.Get(name); value != "" {
			out.Set(name, value)
		}
	}
	return out
}

func token(s string) bool {
	return s != "" && !slices.ContainsFunc([]byte(s), func(c byte) bool {
		return c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0
	})
}

func clip(s string) string { return s[:min(len(s), 80)] }
