// Package static serves the description of the chain's REST API.
package static

import (
	"bytes"
	"embed"
	"net/http"
	"time"
)

//go:embed openapi.json index.html
var files embed.FS

// Handlers returns the documentation's handlers by path: /openapi.json, a
// Swagger 2.0 description of every route, and /docs, a page that lists them.
// Both are embedded, so that a node without internet access serves them too.
func Handlers() map[string]http.Handler {
	return map[string]http.Handler{
		"/openapi.json": file("openapi.json", "application/json"),
		"/docs":         file("index.html", "text/html; charset=utf-8"),
		"/docs/":        file("index.html", "text/html; charset=utf-8"),
	}
}

// file serves one embedded file.
func file(name, contentType string) http.Handler {
	body, err := files.ReadFile(name)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err != nil {
			http.Error(w, "this build carries no API description: run `make proto` and build again", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", contentType)
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
	})
}
