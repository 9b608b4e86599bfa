package docker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/edgematrix/emc/worker/runtime/docker/egress"
)

const (
	// socketDir is where the worker's socket is in a container with egress.
	socketDir  = "/.emc/egress"
	socketName = "s"
	// maxSocketPath is what the kernel's address of a unix socket holds.
	maxSocketPath = 107
	// egressMemory is for the helper program beside the job's own.
	egressMemory = 128 << 20
)

// way is the worker's end of one container's way to the internet.
type way struct {
	proxy  *egress.Proxy
	listen net.Listener
	served chan error
}

// openEgress listens on a socket in the scratch directory and serves it.
func (r *Runtime) openEgress(s scratch) (*way, error) {
	path := filepath.Join(s.sockets(), socketName)
	if len(path) > maxSocketPath {
		return nil, fmt.Errorf("the socket's path %s has %d bytes, at most %d are possible; choose a shorter state directory", path, len(path), maxSocketPath)
	}
	// An interrupted attempt may have left one.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	listen, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	// Everybody who gets there may use it; only the container does.
	if err := os.Chmod(path, 0o666); err != nil {
		return nil, errors.Join(err, listen.Close())
	}
	w := &way{proxy: egress.New(r.config.Egress), listen: listen, served: make(chan error, 1)}
	go func() { w.served <- w.proxy.Serve(listen) }()
	return w, nil
}

// Close ends every connection.
func (w *way) Close() error {
	return errors.Join(w.proxy.Close(), <-w.served)
}
