package daemon

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/mesh"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/session/onchain"
	"github.com/edgematrix/emc/worker/calls"
	"github.com/edgematrix/emc/worker/config"
	"github.com/edgematrix/emc/worker/runtime"
	"github.com/edgematrix/emc/worker/service"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

const (
	// look is how often services.toml is looked at, and how soon what cannot start is tried again.
	look = time.Second
	// lookOnChain is how often the apps are.
	lookOnChain = 10 * time.Second
	// holdEvery is how often the services are told whether the node proves.
	holdEvery = 50 * time.Millisecond
	// redeemWait bounds one redemption: the outbox waits meanwhile.
	redeemWait = 20 * time.Second
	// serviceLog is what a program may say in its life.
	serviceLog = 16 << 20
)

// serveCalls answers calls as services.toml says, and begins anew when it changes.
func (d *Daemon) serveCalls(ctx context.Context) error {
	said := ""
	for ctx.Err() == nil {
		text, err := os.ReadFile(d.opts.Home.Services())
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		until, changed := context.WithCancel(ctx)
		go d.watchServices(until, changed, text)
		if err := d.answerCalls(until, text); err != nil && ctx.Err() == nil {
			if err.Error() != said {
				d.log.Error("calls are not answered; trying again until they are", "error", err)
			}
			said = err.Error()
		} else {
			said = ""
		}
		changed()
		wait := time.NewTimer(look)
		select {
		case <-ctx.Done():
			wait.Stop()
		case <-wait.C:
		}
	}
	return nil
}

// watchServices ends the context when the file is another one.
func (d *Daemon) watchServices(ctx context.Context, changed func(), text []byte) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now, err := os.ReadFile(d.opts.Home.Services()); (err == nil || errors.Is(err, os.ErrNotExist)) && !bytes.Equal(now, text) {
			changed()
			return
		}
	}
}

// answerCalls runs until ctx ends; without services it only waits.
func (d *Daemon) answerCalls(ctx context.Context, text []byte) error {
	services, err := config.ParseServices(text)
	if err != nil {
		return fmt.Errorf("%s: %w", d.opts.Home.Services(), err)
	}
	if len(services) == 0 {
		<-ctx.Done()
		return nil
	}
	ctx, replaced := context.WithCancel(ctx)
	defer replaced()
	var cfgs []service.Config
	registered := map[string]computetypes.App{}
	for _, s := range services {
		app, err := d.chain.App(ctx, s.App)
		if err != nil {
			return fmt.Errorf("service %s: %w; `emcd tx compute register-app` registers an app", s.App, err)
		}
		c, err := d.serviceConfig(s, app)
		if err != nil {
			return fmt.Errorf("service %s: %w", s.App, err)
		}
		registered[s.App] = app
		cfgs = append(cfgs, c)
	}
	go d.watchApps(ctx, replaced, registered)
	set, err := service.New(cfgs, d.log)
	if err != nil {
		return err
	}
	terms, err := callTerms(d.opts.Config.Calls)
	if err != nil {
		return err
	}
	chain, err := d.callChain()
	if err != nil {
		return err
	}
	c, err := calls.Open(ctx, calls.Config{
		ChainID: d.opts.Config.Chain.ID, Identity: d.opts.Identity, Host: d.host, Apps: apps{set, d}, Chain: chain, Routers: d.routers, Links: d.links,
		Ledger: d.opts.Home.Calls(), Terms: terms, Proving: d.proving, Accepting: func() bool { return !d.opts.Home.Draining() }, Logger: d.log,
	})
	if err != nil {
		return err
	}
	d.setCalls(c)
	defer d.setCalls(nil)
	d.log.Info("answering calls", "apps", len(cfgs))
	return errors.Join(c.Run(ctx), c.Close())
}

// watchApps ends the context when an app has another artifact on the chain: whoever
// calls it is promised that one.
func (d *Daemon) watchApps(ctx context.Context, replaced func(), registered map[string]computetypes.App) {
	tick := time.NewTicker(lookOnChain)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for id, was := range registered {
			now, err := d.chain.App(ctx, id)
			if err == nil && (now.Digest != was.Digest || now.Image != was.Image || now.Runtime != was.Runtime) {
				d.log.Info("an app has another artifact on the chain", "app", id)
				replaced()
				return
			}
		}
	}
}

func (d *Daemon) setCalls(c *calls.Calls) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls = c
}

// callsStatus is nil while no calls are answered.
func (d *Daemon) callsStatus() *calls.Status {
	d.mu.Lock()
	c := d.calls
	d.mu.Unlock()
	if c == nil {
		return nil
	}
	s := c.Status()
	return &s
}

func callTerms(c config.Calls) (calls.Terms, error) {
	credit, unwritten, redeem, err := c.Uemc()
	return calls.Terms{Credit: credit, Unwritten: unwritten, Amount: redeem, Age: c.RedeemAge}, err
}

// serviceConfig completes a service by what the chain and this machine know of it.
func (d *Daemon) serviceConfig(s config.Service, app computetypes.App) (service.Config, error) {
	unit, each, err := s.Prices()
	if err != nil {
		return service.Config{}, err
	}
	idle, err := time.ParseDuration(s.Idle)
	if err != nil {
		return service.Config{}, err
	}
	out := service.Config{
		App: s.App, UnitPrice: unit, CallPrice: each, Unit: service.Meter(s.Unit), URL: s.URL, Model: s.Model, Paths: s.Paths,
		Processes: s.Processes, Queue: s.Queue, Idle: idle,
	}
	if s.URL != "" {
		return out, nil
	}
	return out, d.program(&out, s, app)
}

// program is a service that this worker runs.
func (d *Daemon) program(out *service.Config, s config.Service, app computetypes.App) error {
	r, ok := d.opts.Runtimes[app.Runtime]
	if !ok {
		return fmt.Errorf("its runtime is %s, which this worker does not have; see offer.runtimes", app.Runtime)
	}
	if out.Runtime, ok = r.(runtime.Server); !ok {
		return fmt.Errorf("programs of the runtime %s cannot be services yet", app.Runtime)
	}
	digest, err := job.ParseDigest(app.Digest)
	if err != nil {
		return err
	}
	memory, err := config.ParseBytes(s.Memory)
	if err != nil {
		return err
	}
	out.Task = runtime.Task{
		ID: "service-" + s.App, ArtifactSHA256: app.Digest, Args: s.Args, Env: []string{"EMC_APP=" + s.App}, OutputDir: d.opts.Home.Scratch(),
		Log:    lines{d.log.With("service", s.App)},
		Limits: runtime.Limits{MemoryBytes: memory, OutputBytes: 1 << 20, OutputFiles: 16, CPUs: 1, LogBytes: serviceLog},
	}
	if app.Image == "" {
		if out.Task.Artifact, ok = d.store.App(digest); !ok {
			return fmt.Errorf("its artifact %s is not here: `emc-worker app add FILE` brings it", app.Digest)
		}
		d.store.PinApps(digest)
	} else {
		out.Task.Image = app.Image
	}
	for _, path := range s.Inputs {
		f, err := hashed(path)
		if err != nil {
			return fmt.Errorf("inputs: %w", err)
		}
		out.Task.Inputs = append(out.Task.Inputs, f)
	}
	return nil
}

func hashed(path string) (runtime.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return runtime.File{}, err
	}
	defer f.Close()
	sum := sha256.New()
	size, err := io.Copy(sum, f)
	return runtime.File{Path: filepath.Base(path), Host: path, Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))}, err
}

// lines writes what a program says into the worker's log.
type lines struct{ log *slog.Logger }

// Write implements io.Writer.
func (l lines) Write(p []byte) (int, error) {
	for line := range bytes.Lines(p) {
		l.log.Debug("it says", "line", string(bytes.TrimRight(line, "\r\n")))
	}
	return len(p), nil
}

// apps is a set of services that knows when the node proves.
type apps struct {
	*service.Set
	d *Daemon
}

var _ call.App = apps{}

// Admit refuses all calls while the node proves.
func (a apps) Admit(app string, maxPrice uint64) error {
	if a.d.proving() {
		return fmt.Errorf("%w: the node proves its power for some seconds", session.ErrBusy)
	}
	return a.Set.Admit(app, maxPrice)
}

// Loads implements calls.Apps.
func (a apps) Loads() []mesh.App {
	var out []mesh.App
	for _, l := range a.Set.Loads() {
		out = append(out, mesh.App{
			ID: l.App, UnitPrice: l.UnitPrice, CallPrice: l.CallPrice, Running: uint32(l.Running), Queued: uint32(l.Queued), Capacity: uint32(l.Capacity), Ready: l.Ready,
		})
	}
	return out
}

// Run tells the services whether the node proves, while they run.
func (a apps) Run(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- a.Set.Run(ctx) }()
	tick := time.NewTicker(holdEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			a.Hold(a.d.proving())
		}
	}
}

// callChain asks the chain, and redeems between the outbox's transactions.
func (d *Daemon) callChain() (session.Chain, error) {
	asks, err := onchain.New(onchain.Config{Client: d.chain})
	return redeeming{Chain: asks, d: d}, err
}

type redeeming struct {
	session.Chain
	d *Daemon
}

// Redeem implements session.Chain.
func (r redeeming) Redeem(ctx context.Context, vouchers []receipt.Voucher) (out []session.Redemption, err error) {
	payer, err := r.d.granter(ctx)
	if err != nil {
		return nil, err
	}
	sends, err := onchain.New(onchain.Config{Client: r.d.chain, Signer: r.d.opts.Identity.Signer(), FeeGranter: payer, Wait: redeemWait})
	if err != nil {
		return nil, err
	}
	err = r.d.outbox.Alone(ctx, func() error {
		out, err = sends.Redeem(ctx, vouchers)
		return err
	})
	return out, err
}
