package gateway

import (
	"net/http"
	"slices"
	"strings"
)

// maxAsked bounds the headers that a web page may ask for.
const maxAsked = 4 << 10

const exposed = headerRequestID + ", " + headerNode + ", " + headerCost + ", " + headerRoute + ", " + headerCache + ", Retry-After, X-Should-Retry, Content-Disposition"

// cors lets web pages read the answer. Credentials are never allowed: the key stands in a header that the page itself sets.
func (g *Gateway) cors(h http.Header, r *http.Request) (allowed bool) {
	origin := r.Header.Get("Origin")
	every := slices.Contains(g.Origins, "*")
	if len(g.Origins) > 0 && !every {
		h.Add("Vary", "Origin") // also without one: a cache must not give this answer to a page
	}
	switch {
	case origin == "":
		return false
	case every:
		h.Set("Access-Control-Allow-Origin", "*")
	case slices.Contains(g.Origins, origin):
		h.Set("Access-Control-Allow-Origin", origin)
	default:
		return false
	}
	h.Set("Access-Control-Expose-Headers", exposed)
	return true
}

// preflight answers a browser that asks before a call.
func (g *Gateway) preflight(w http.ResponseWriter, r *http.Request, allowed bool) {
	h := w.Header()
	h.Add("Vary", "Access-Control-Request-Method")
	h.Add("Vary", "Access-Control-Request-Headers")
	if allowed {
		h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
		h.Set("Access-Control-Max-Age", "7200")
		// The clients' own headers (x-stainless-*) grow in number: what is asked is allowed.
		if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" && len(asked) <= maxAsked && !strings.ContainsFunc(asked, noName) {
			h.Set("Access-Control-Allow-Headers", asked)
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// noName is what stands in no list of headers.
func noName(c rune) bool {
	letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
	return !letter && !strings.ContainsRune("-_, ", c)
}
