package gateway

import (
	"net/http"
	"time"
)

// followAgain is how long who finds no place waits.
const followAgain = 10 * time.Second

// follow streams what the router hears of the network. It asks for no key: a web page's EventSource can send none, and
// nothing of it is anybody's secret.
func (g *Gateway) follow(v *visit, r *http.Request) error {
	if g.feed == nil {
		return unknownURL(r)
	}
	if err := only(r, http.MethodGet); err != nil {
		return err
	}
	if err := g.feed.Serve(v, r, source(r)); err != nil {
		return &failure{status: http.StatusServiceUnavailable, kind: serverError, code: "overloaded", reason: "followers", retryAfter: followAgain,
			message: "As many follow the network here as may, in all or from your address. Try again later."}
	}
	return nil
}
