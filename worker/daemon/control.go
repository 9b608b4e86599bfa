package daemon

import (
	"context"
	"encoding/json"
	"io"
	"net/http"

	"github.com/edgematrix/emc/pkg/control"
	"github.com/edgematrix/emc/pkg/feed"
	"github.com/edgematrix/emc/worker/home"
)

// serveControl answers the worker's own commands on a socket in its home, which
// only its user can reach.
func (d *Daemon) serveControl(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		status, err := d.Status()
		control.Answer(w, status, err)
	})
	mux.Handle("GET /events", d.feed)
	mux.HandleFunc("POST /wake", func(w http.ResponseWriter, r *http.Request) {
		d.loop.Wake()
		d.outbox.Wake()
		control.Answer(w, struct{}{}, nil)
	})
	mux.HandleFunc("POST /apps", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Path string }
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&in); err != nil {
			control.Answer(w, nil, err)
			return
		}
		digest, size, err := d.store.AddApp(in.Path)
		control.Answer(w, AddedApp{Digest: digest.String(), Size: size}, err)
	})
	return control.Serve(ctx, d.opts.Home.Socket(), mux)
}

// AddedApp is an artifact in the cache.
type AddedApp struct {
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
}

// Control speaks with the daemon of a home.
type Control struct{ Home home.Home }

// Status asks the daemon.
func (c Control) Status(ctx context.Context) (Status, error) {
	var s Status
	return s, c.call(ctx, http.MethodGet, "/status", nil, &s)
}

// Wake has the daemon look at its files and the chain now.
func (c Control) Wake(ctx context.Context) error {
	return c.call(ctx, http.MethodPost, "/wake", struct{}{}, &struct{}{})
}

// AddApp has the daemon copy an artifact into its cache.
func (c Control) AddApp(ctx context.Context, path string) (AddedApp, error) {
	var a AddedApp
	return a, c.call(ctx, http.MethodPost, "/apps", struct{ Path string }{path}, &a)
}

// Follow calls fn for what changes, until ctx ends or the daemon stops.
func (c Control) Follow(ctx context.Context, fn func(feed.Event) error) error {
	return control.Follow(ctx, c.Home.Socket(), "/events", func(r io.Reader) error { return feed.Read(r, fn) })
}

func (c Control) call(ctx context.Context, method, path string, in, out any) error {
	return control.Call(ctx, c.Home.Socket(), method, path, in, out)
}
