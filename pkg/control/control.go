// Package control is how a daemon's commands speak with it: HTTP over a socket in
// its home, which only its user can reach.
package control

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
)

// Serve answers on the socket until ctx ends. The caller holds the home's lock, so a
// socket that is there was left by a killed process.
func Serve(ctx context.Context, socket string, handler http.Handler) error {
	path, done, err := shortPath(socket)
	if err != nil {
		return err
	}
	defer done()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("the control socket %s cannot be made: %w", socket, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(err, listener.Close())
	}
	return ServeHTTP(ctx, listener, handler)
}

// ServeHTTP serves until ctx ends, and waits for the requests that are open.
func ServeHTTP(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	err := server.Shutdown(end)
	<-failed
	return err
}

// Answer writes v, or what was wrong, as JSON.
func Answer(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		v = map[string]string{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(v) // the other end may have gone
}

// Call asks the daemon behind a socket.
func Call(ctx context.Context, socket, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	client := http.Client{Timeout: time.Minute, Transport: through(socket)}
	request, err := http.NewRequestWithContext(ctx, method, "http://daemon"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("the running daemon does not answer on %s: %w", socket, err)
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
		return fmt.Errorf("the running daemon answered %s", response.Status)
	}
	return json.Unmarshal(data, out)
}

// Follow hands a stream of the daemon's to read. It ends when ctx does, which is no
// error, or with the stream.
func Follow(ctx context.Context, socket, path string, read func(io.Reader) error) error {
	client := http.Client{Transport: through(socket)}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://daemon"+path, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the running daemon does not answer on %s: %w", socket, err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the running daemon answered %s; it may be older than this command: stop and start it", response.Status)
	}
	err = read(response.Body)
	switch {
	case ctx.Err() != nil:
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the daemon ended the stream: it stopped")
	}
	return err
}

// through reaches a daemon by its socket.
func through(socket string) *http.Transport {
	return &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			path, done, err := shortPath(socket)
			if err != nil {
				return nil, err
			}
			defer done()
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		},
	}
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
