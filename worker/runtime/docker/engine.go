package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"
)

const (
	// callTimeout bounds what an Engine normally answers at once.
	callTimeout = 60 * time.Second
	// infoLife is how long what the Engine said about itself is believed.
	infoLife = time.Minute
	// awaitStep is the time between two looks for an Engine that is gone.
	awaitStep = 200 * time.Millisecond
)

// minAPI has private cgroup namespaces and single samples of statistics. It is
// Engine 20.10.
const minAPI = "1.41"

var (
	// errEngineLost is wrapped by errors that say that the Engine went away, and
	// may be back.
	errEngineLost = errors.New("the Engine cannot be reached")
	// errNoSeccomp: containers would have every system call of the kernel.
	errNoSeccomp = errors.New("the Engine runs containers without its default seccomp filter; " +
		"use a kernel with seccomp, and take \"seccomp-profile\": \"unconfined\" out of the Engine's configuration")
)

// engine is a Docker Engine behind its local socket.
type engine struct {
	api    *client.Client
	fresh  *http.Client // a new connection for each request
	socket string
	host   string

	mu     sync.Mutex
	info   system.Info
	infoAt time.Time
}

func newEngine(host string) (*engine, error) {
	socket, err := socketOf(host)
	if err != nil {
		return nil, err
	}
	api, err := client.New(client.WithHost(host))
	if err != nil {
		return nil, fmt.Errorf("docker runtime: %w", err)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &engine{
		api: api, socket: socket, host: host,
		fresh: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}},
	}, nil
}

// alive asks over a connection of its own: an Engine that is going down still
// answers on those that it has.
func (e *engine) alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://engine/_ping", nil)
	if err != nil {
		return err
	}
	resp, err := e.fresh.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the Engine at %s answers %s", e.host, resp.Status)
	}
	return nil
}

// await returns when the Engine answers again, or when the context ends.
func (e *engine) await(ctx context.Context) {
	e.forget()
	tick := time.NewTicker(awaitStep)
	defer tick.Stop()
	for e.alive(ctx) != nil {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// forget drops what an Engine said of itself: another may come back.
func (e *engine) forget() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.infoAt = time.Time{}
}

// about returns what the Engine says of itself, and refuses one that cannot
// contain a container.
func (e *engine) about(ctx context.Context, now time.Time) (system.Info, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if age := now.Sub(e.infoAt); age >= 0 && age < infoLife {
		return e.info, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	// The client's own errors do not tell a missing socket from a forbidden one.
	if err := e.alive(ctx); err != nil {
		return system.Info{}, e.explain(err)
	}
	reply, err := e.api.Info(ctx, client.InfoOptions{})
	if err != nil {
		return system.Info{}, e.explain(err)
	}
	if err := suitable(reply.Info, e.api.ClientVersion()); err != nil {
		return system.Info{}, fmt.Errorf("docker runtime: %w", err)
	}
	e.info, e.infoAt = reply.Info, now
	return e.info, nil
}

func suitable(info system.Info, api string) error {
	switch {
	case info.OSType != "" && info.OSType != "linux":
		return fmt.Errorf("the Engine runs %s containers; switch it to Linux containers", info.OSType)
	case api != "" && apiLess(api, minAPI):
		return fmt.Errorf("the Engine %s is too old: its API is %s, %s is needed; install Docker Engine 20.10 or newer", info.ServerVersion, api, minAPI)
	case !hasSeccomp(info.SecurityOptions):
		return errNoSeccomp
	case !info.MemoryLimit || !info.PidsLimit || !info.CPUCfsQuota:
		return fmt.Errorf("the Engine cannot limit containers (memory %t, processes %t, processors %t); enable these control groups in the kernel, or cgroup v2 delegation for a rootless Engine",
			info.MemoryLimit, info.PidsLimit, info.CPUCfsQuota)
	}
	return nil
}

// hasSeccomp looks for an entry such as "name=seccomp,profile=default".
func hasSeccomp(options []string) bool {
	for _, o := range options {
		if rest, ok := strings.CutPrefix(o, "name=seccomp"); ok {
			return !strings.Contains(rest, "profile=unconfined")
		}
	}
	return false
}

// apiLess compares versions such as 1.9 and 1.41.
func apiLess(a, b string) bool {
	var aMajor, aMinor, bMajor, bMinor int
	if n, _ := fmt.Sscanf(a, "%d.%d", &aMajor, &aMinor); n != 2 {
		return true
	}
	_, _ = fmt.Sscanf(b, "%d.%d", &bMajor, &bMinor)
	if aMajor != bMajor {
		return aMajor < bMajor
	}
	return aMinor < bMinor
}

// explain says what a person can do about an Engine that does not answer.
func (e *engine) explain(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("docker runtime: no permission to use the Engine's socket %s: %w; add the worker's user to the group docker (`sudo usermod -aG docker $USER`) and log in again", e.socket, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("docker runtime: there is no Engine at %s: %w; install Docker Engine (on Debian and Ubuntu: `sudo apt install docker.io`) or set docker.host", e.socket, err)
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("docker runtime: nothing answers at %s: %w; start the Engine (`sudo systemctl start docker`)", e.socket, err)
	}
	if strings.Contains(err.Error(), "is too old") || strings.Contains(err.Error(), "minimum supported API version") {
		return fmt.Errorf("docker runtime: %w; install Docker Engine 20.10 or newer", err)
	}
	return fmt.Errorf("docker runtime: the Engine at %s: %w", e.socket, err)
}

// lost says whether err is that of an Engine that went away, or is going.
func (e *engine) lost(ctx context.Context, err error) bool {
	if err == nil {
		return false
	}
	var network *net.OpError
	if errors.Is(err, errEngineLost) || client.IsErrConnectionFailed(err) || errors.As(err, &network) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return true
	}
	return ctx.Err() == nil && e.alive(ctx) != nil
}
