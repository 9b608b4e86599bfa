package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Router is a router's home, and its daemon when it runs.
type Router struct {
	Net  *Network
	Home string
	// Address is the router's, Operator its owner's, URL the base of an OpenAI client; known after Up.
	Address, Operator, URL string
	// Env is added to the environment of all its programs, Wrap a command that runs them.
	Env, Wrap []string
	// Gateway is the HOST:PORT of its gateway, a free port of this machine when empty.
	Gateway string

	process *Process
}

// NewRouter names a router; nothing is started.
func NewRouter(net *Network, home string) *Router { return &Router{Net: net, Home: home} }

// Up brings a router from nothing to ready, as its operator does, with a gateway on a free port.
func (r *Router) Up(ctx context.Context, flags ...string) error {
	gateway := r.Gateway
	if gateway == "" {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		gateway = listener.Addr().String()
		if err := listener.Close(); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, StartTimeout)
	defer cancel()
	args := append([]string{"up", "--localnet", r.Net.Home, "--gateway", gateway}, flags...)
	return untilPortsAreFree(ctx, func() (*Process, error) { err := r.once(ctx, args); return r.process, err })
}

func (r *Router) once(ctx context.Context, args []string) (err error) {
	if err := os.MkdirAll(filepath.Dir(r.Home), 0o755); err != nil {
		return err
	}
	line := wrapped(r.Wrap, r.Net.Bin.Router(), append(args, "--home", r.Home))
	if r.process, err = Launch(r.Home+".log", r.env(), "", line[0], line[1:]...); err != nil {
		return err
	}
	ready, err := r.process.WaitLine(ctx, "ready")
	if err != nil {
		r.process.Kill()
		return err
	}
	words := strings.Fields(ready)
	r.URL = words[len(words)-1]
	s, err := r.Status(ctx)
	if err != nil {
		return err
	}
	r.Address = s.Router
	n, err := r.Net.Node(ctx, r.Address)
	r.Operator = n.Operator
	return err
}

// env points the daemon at where the network listens now.
func (r *Router) env() []string {
	return append([]string{"EMC_ROUTER_CHAIN_RPC=" + r.Net.RPC}, r.Env...)
}

// RouterStatus is what `emc-router status --json` says.
type RouterStatus struct {
	Router     string `json:"router"`
	Registered bool   `json:"registered"`
	Gateway    string `json:"gateway"`
	Problem    string `json:"problem"`
	Sessions   int    `json:"sessions"`
	Peers      int    `json:"peers"`
	Apps       []struct {
		ID        string `json:"id"`
		Nodes     int    `json:"nodes"`
		Ready     int    `json:"ready"`
		UnitPrice int64  `json:"unit_price"`
	} `json:"apps"`
	Exposure struct {
		// Stake and Covered are coins, such as "10000000uemc".
		Stake   string `json:"stake"`
		Covered string `json:"covered"`
		// Cosigned is what was vouched for in each session, uemc.
		Cosigned map[string]int64 `json:"cosigned"`
	} `json:"exposure"`
}

// Ready is how many nodes take calls of an app.
func (s RouterStatus) Ready(app string) int {
	for _, a := range s.Apps {
		if a.ID == app {
			return a.Ready
		}
	}
	return 0
}

// Status asks the daemon.
func (r *Router) Status(ctx context.Context) (s RouterStatus, err error) {
	a, err := r.Run(ctx, "status", "--json")
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(a.Out), &s); err != nil {
		return s, fmt.Errorf("%w: %s", err, a.Out)
	}
	return s, nil
}

// Run types a command of the router.
func (r *Router) Run(ctx context.Context, args ...string) (Answer, error) {
	line := wrapped(r.Wrap, r.Net.Bin.Router(), append(args, "--home", r.Home))
	return Command(ctx, "", r.env(), line[0], line[1:]...)
}

// Process is the daemon's process.
func (r *Router) Process() *Process { return r.process }

// Kill ends the daemon as a power cut would.
func (r *Router) Kill() {
	if r.process != nil {
		r.process.Kill()
	}
}

// Stop ends the daemon as Ctrl-C does.
func (r *Router) Stop() error {
	if r.process == nil {
		return nil
	}
	return r.process.Interrupt(40 * time.Second) // what runs has 30 s
}
