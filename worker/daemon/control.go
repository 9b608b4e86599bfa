package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/edgematrix/emc/worker/home"
)

// serveControl answers the worker's own commands on a socket in its home, which
// only its user can reach.
func (d *Daemon) serveControl(ctx context.Context) error {
	path, done, err := shortPath(d.opts.Home.Socket())
	if err != nil {
		return err
	}
	defer done()
	// The lock is ours, so a socket that is there was left by a killed process.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("the control socket %s cannot be made: %w", d.opts.Home.Socket(), err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(err, listener.Close())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		status, err := d.Status()
		answer(w, status, err)
	})
	mux.HandleFunc("POST /wake", func(w http.ResponseWriter, r *http.Request) {
		d.loop.Wake()
		d.outbox.Wake()
		answer(w, struct{}{}, nil)
	})
	mux.HandleFunc("POST /apps", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Path string }
		if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<16)).Decode(&in); err != nil {
			answer(w, nil, err)
			return
		}
		digest, size, err := d.store.AddApp(in.Path)
		answer(w, AddedApp{Digest: digest.String(), Size: size}, err)
	})
	return serveHTTP(ctx, listener, mux)
}

// AddedApp is an artifact in the cache.
type AddedApp struct {
	Digest string `json:"digest"`
	Size   int64  `json:"size"`
}

func answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		v = map[string]string{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(v) // the other end may have gone
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

func (c Control) call(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			socket, done, err := shortPath(c.Home.Socket())
			if err != nil {
				return nil, err
			}
			defer done()
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		},
	}}
	request, err := http.NewRequestWithContext(ctx, method, "http://worker"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("the running worker does not answer on %s: %w", c.Home.Socket(), err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		var e struct{ Error string }
		if json.Unmarshal(data, &e) == nil && e.Error != "" {
			return errors.New(e.Error)
		}
		return fmt.Errorf("the running worker answered %s", response.Status)
	}
	return json.Unmarshal(data, out)
}

// maxSocketPath is what the kernel takes for a socket's address.
const maxSocketPath = 100

// shortPath reaches a socket whose path is too long for the kernel through its
// directory's descriptor.
func shortPath(path string) (short string, done func(), err error) {
	if len(path) <= maxSocketPath {
		return path, func() {}, nil
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), filepath.Base(path)), func() { dir.Close() }, nil
}
