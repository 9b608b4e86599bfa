package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/edgematrix/emc/apps/stdhttp"
)

// serve answers requests on the standard input: a page each.
func (s settings) serve(stdin io.Reader, stdout io.Writer) error {
	return stdhttp.Serve(s.answer, stdin, stdout)
}

func (s settings) answer(w *stdhttp.ResponseWriter, r *stdhttp.Request) error {
	switch method := map[string]string{"/healthz": "GET", "/v1/images/read": "POST"}[r.Path]; method {
	case "":
		return stdhttp.WriteError(w, stdhttp.Error{Status: 404, Message: fmt.Sprintf("there is no %s; POST a PNG to /v1/images/read", r.Path)})
	case r.Method:
	default:
		return stdhttp.WriteError(w, stdhttp.Error{Status: 405, Message: fmt.Sprintf("%s is asked with %s", r.Path, method)})
	}
	if r.Path == "/healthz" {
		return stdhttp.WriteJSON(w, 200, map[string]string{"status": "ok"})
	}
	text, err := s.readBody(r)
	refused := stdhttp.Error{Status: 500}
	if errors.As(err, &refused) || err != nil {
		refused.Message = err.Error()
		return stdhttp.WriteError(w, refused)
	}
	return stdhttp.WriteJSON(w, 200, map[string]string{"text": text})
}

// readBody reads the text of a request's image. Nothing of it is left behind for the next customer.
func (s settings) readBody(r *stdhttp.Request) (text string, err error) {
	img, err := imageOf(r)
	if err != nil {
		return "", stdhttp.Error{Status: 400, Message: err.Error(), Param: "image"}
	}
	dir, err := os.MkdirTemp("", "ocr-*")
	if err != nil {
		return "", fmt.Errorf("there is no place for the page: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file := filepath.Join(dir, "image.png")
	if err := os.WriteFile(file, img, 0o600); err != nil {
		return "", fmt.Errorf("there is no place for the page: %w", err)
	}
	p, err := checkPage(file, "image.png")
	if err != nil {
		return "", stdhttp.Error{Status: 400, Message: err.Error(), Param: "image"}
	}
	pixels, err := p.decode()
	if err != nil {
		return "", stdhttp.Error{Status: 400, Message: err.Error(), Param: "image"}
	}
	if err := s.read(pixels, p.dpi, filepath.Join(dir, "page")); err != nil {
		return "", err
	}
	b, err := os.ReadFile(filepath.Join(dir, "page.txt"))
	return strings.ToValidUTF8(string(b), "�"), err
}

// imageOf is the body itself, or what its JSON has as base64, with or without a data URL's beginning.
func imageOf(r *stdhttp.Request) ([]byte, error) {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if strings.TrimSpace(kind) != "application/json" && !bytes.HasPrefix(r.Body, []byte("{")) {
		return r.Body, nil
	}
	var asked struct{ Image string }
	if err := json.Unmarshal(r.Body, &asked); err != nil || asked.Image == "" {
		return nil, errors.New(`expected {"image": "data:image/png;base64,…"}, or the PNG itself as the body`)
	}
	text := asked.Image
	if head, data, found := strings.Cut(text, ","); found {
		if !strings.HasPrefix(head, "data:") || !strings.HasSuffix(head, ";base64") {
			return nil, errors.New("image is no data URL in base64; addresses of the internet are not read")
		}
		text = data
	}
	img, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("image is no base64: %w", err)
	}
	return img, nil
}
