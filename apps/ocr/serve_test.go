package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// ask serves one request with a Tesseract that behaves as said.
func ask(t *testing.T, how, method, target, kind, body string) (int, string) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	program := filepath.Join(t.TempDir(), fakeName+how)
	require.NoError(t, os.Symlink(self, program))
	t.Setenv("TMPDIR", t.TempDir())
	var out, log bytes.Buffer
	in := fmt.Sprintf("%s %s HTTP/1.1\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", method, target, kind, len(body), body)
	require.Equal(t, exitOK, run([]string{"serve", "--tesseract", program, "--psm", "6"}, strings.NewReader(in), &out, &log), log.String())
	resp, err := http.ReadResponse(bufio.NewReader(&out), nil)
	require.NoError(t, err)
	all, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	left, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	require.Empty(t, left, "a customer's page is left behind")
	return resp.StatusCode, string(all)
}

func TestServe(t *testing.T) {
	var page bytes.Buffer
	require.NoError(t, png.Encode(&page, image.NewGray(image.Rect(0, 0, 3, 2))))
	inJSON, err := json.Marshal(map[string]string{"image": "data:image/png;base64," + base64.StdEncoding.EncodeToString(page.Bytes())})
	require.NoError(t, err)
	for _, c := range []struct{ kind, body string }{
		{"image/png", page.String()}, {"application/json", string(inJSON)}, {"application/json; charset=utf-8", strings.Replace(string(inJSON), "data:image/png;base64,", "", 1)},
	} {
		status, body := ask(t, "works", "POST", "/v1/images/read", c.kind, c.body)
		require.Equal(t, 200, status, body)
		var got struct{ Text string }
		require.NoError(t, json.Unmarshal([]byte(body), &got))
		require.Contains(t, got.Text, "--psm 6")
		require.Contains(t, got.Text, "P5\n3 2\n255\n")
	}
	for _, c := range []struct {
		method, target, kind, body string
		status                     int
		says                       string
	}{
		{"GET", "/healthz", "", "", 200, "ok"}, {"GET", "/v1/images/read", "", "", 405, "POST"}, {"POST", "/x", "", "", 404, "/v1/images/read"},
		{"POST", "/v1/images/read", "image/png", "%PDF-1.7", 400, "a PDF"}, {"POST", "/v1/images/read", "image/png", page.String()[:40], 400, "damaged"},
		{"POST", "/v1/images/read", "application/json", "[]", 400, "expected"}, {"POST", "/v1/images/read", "application/json", `{"image":"http://a/b,c"}`, 400, "internet"},
		{"POST", "/v1/images/read", "application/json", `{"image":"data:image/png;base64,!"}`, 400, "base64"},
	} {
		status, body := ask(t, "works", c.method, c.target, c.kind, c.body)
		require.Equal(t, c.status, status, body)
		require.Contains(t, body, c.says)
	}
	status, body := ask(t, "killed", "POST", "/v1/images/read", "image/png", page.String())
	require.Equal(t, 500, status, body)
}
