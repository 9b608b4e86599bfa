package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"golang.org/x/sync/errgroup"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/feed"
	"github.com/edgematrix/emc/pkg/identity"
	"github.com/edgematrix/emc/pkg/probe"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/worker/calls"
	"github.com/edgematrix/emc/worker/config"
	"github.com/edgematrix/emc/worker/hardware"
	"github.com/edgematrix/emc/worker/home"
	"github.com/edgematrix/emc/worker/jobstore"
	"github.com/edgematrix/emc/worker/outbox"
	"github.com/edgematrix/emc/worker/power"
	"github.com/edgematrix/emc/worker/reconcile"
	"github.com/edgematrix/emc/worker/relays"
	"github.com/edgematrix/emc/worker/runtime"
	"github.com/edgematrix/emc/worker/spool"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// sweepInterval is how often retention is looked after.
const sweepInterval = time.Minute

// Options are what a daemon needs.
type Options struct {
	Home     home.Home
	Config   config.Config
	Identity identity.Identity
	Chain    *chainclient.Client
	Runtimes map[string]runtime.Runtime
	// Isolation is the tier that was measured at this start.
	Isolation runtime.Tier
	Hardware  hardware.Inventory
	Logger    *slog.Logger
	// Ready is called once, when the first status report of this start is in a
	// block. It may be nil.
	Ready func()
}

// Daemon is a worker that runs.
type Daemon struct {
	opts Options
	log  *slog.Logger
	node string

	chain    *chainclient.Client
	file     *spool.Spool
	queue    *outbox.Durable
	outbox   *outbox.Outbox
	store    *jobstore.Store
	loop     *reconcile.Loop
	power    *power.Loop // nil when the node does not prove
	host     host.Host
	relays   *relays.Relays // nil when it has no places with routers
	needs    bool           // they stand on the chain: nobody reaches it directly
	earnings *earnings
	metrics  *metrics
	feed     *feed.Feed
	memory   int64
	cpus     float64

	mu      sync.Mutex
	state   chainState
	report  string // key of this start's first status report
	isReady bool
	calls   *calls.Calls // nil while no calls are answered

	// finding is held by who looks for routers.
	finding     sync.Mutex
	strangers   []calls.Router
	strangersAt time.Time
}

// Run serves until ctx ends. It starts in this order: the lock of the home, the
// thawing of what a killed worker left frozen, the spool and the store, the host that customers reach, then everything that
// runs. It ends in the reverse order, waits for every goroutine, and joins the
// errors.
func Run(ctx context.Context, o Options) (err error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	unlock, err := o.Home.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	d := &Daemon{opts: o, log: o.Logger, node: o.Identity.Address(), chain: o.Chain}
	d.thawLeftovers(ctx)
	if _, err := d.chain.CheckChain(ctx); errors.Is(err, chainclient.ErrWrongChain) {
		return err
	} else if err != nil {
		d.log.Warn("the chain's node does not answer yet; the worker starts and waits for it", "error", err)
	}
	if err := d.open(ctx); err != nil {
		return errors.Join(err, d.close())
	}
	defer func() { err = errors.Join(err, d.close()) }()
	d.log.Info("worker started", "node", d.node, "chain", o.Config.Chain.ID, "rpc", o.Config.Chain.RPC,
		"endpoints", d.endpoints(), "home", string(o.Home), "pid", os.Getpid())
	err = d.serve(ctx)
	d.log.Info("worker stopped")
	return err
}

// open opens what is on the disk and on the network.
func (d *Daemon) open(ctx context.Context) error {
	var err error
	o := d.opts
	if d.file, err = spool.Open(o.Home.Spool()); err != nil {
		return err
	}
	d.queue = outbox.NewDurable(d.file, d.chain.Codec)
	if d.earnings, err = openEarnings(o.Home.Earnings()); err != nil {
		return err
	}
	hw, err := o.Hardware.Hardware(ctx)
	if err != nil {
		return err
	}
	d.memory, d.cpus = int64(hw.MemoryBytes), float64(hw.CpuCores)
	storeConfig, err := d.storeConfig()
	if err != nil {
		return err
	}
	if d.store, err = jobstore.Open(storeConfig); err != nil {
		return err
	}
	d.metrics, d.feed = newMetrics(d), newFeed()
	d.outbox = outbox.New(outbox.Config{
		Chain: d.chain, Spool: d.queue, Signer: o.Identity.Signer(), Granter: d.granter,
		GasAdjustment: o.Config.Chain.GasAdjustment, Logger: d.log, Sent: d.sent, Later: d.later,
	})
	d.loop = reconcile.New(reconcile.Config{
		Node: d.node, ChainID: o.Config.Chain.ID, Chain: d.chain, Store: d.store, Queue: queue{d},
		Runtimes: o.Runtimes, Isolation: o.Isolation, Egress: o.Config.Docker.Egress, Rules: d.rules, Slots: d.slots, SlotMemory: d.slotMemory, SlotCPUs: d.slotCPUs, Now: d.now,
		Logger: d.log, Ended: d.metrics.ended, Closed: d.closed, Hold: d.proving,
	})
	if d.power, err = d.newPower(); err != nil {
		return err
	}
	key, err := o.Identity.HostKey()
	if err != nil {
		return err
	}
	d.host, err = transfer.NewHost(ctx, key, o.Config.Network.Listen, transfer.WithPunching())
	if err != nil {
		return fmt.Errorf("customers could not reach this worker: %w; change network.listen, or stop what uses the port", err)
	}
	d.openRelays()
	return nil
}

// serve runs everything until ctx ends or one part fails.
func (d *Daemon) serve(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		d.chain.Watch(ctx, func(h chainclient.Head) { d.onBlock(ctx, h) })
		return nil
	})
	g.Go(func() error { return d.outbox.Run(ctx) })
	g.Go(func() error { return d.loop.Run(ctx) })
	if d.power != nil {
		g.Go(func() error { return d.power.Run(ctx) })
	}
	g.Go(func() error {
		cfg := transfer.DefaultServerConfig()
		cfg.Logger = d.log
		return transfer.ServeConfig(ctx, d.host, d.store, cfg)
	})
	g.Go(func() error {
		return probe.Serve(ctx, d.host, probe.Config{ChainID: d.opts.Config.Chain.ID, Sign: d.opts.Identity.Signer().Sign, Logger: d.log})
	})
	g.Go(func() error { return d.serveCalls(ctx) })
	if d.relays != nil {
		g.Go(func() error { return d.relays.Run(ctx) })
	}
	g.Go(func() error { return d.follow(ctx) })
	g.Go(func() error { return d.sweep(ctx) })
	g.Go(func() error { return d.store.KeepSealing(ctx) })
	g.Go(func() error { return d.sweepRuntimes(ctx) })
	g.Go(func() error { return d.tell(ctx) })
	g.Go(func() error { return d.serveControl(ctx) })
	if address := d.opts.Config.Metrics.Address; address != "" {
		g.Go(func() error { return d.metrics.serve(ctx, address, d.feed) })
	}
	return g.Wait()
}

// follow has the loop look whenever something came in from a customer.
func (d *Daemon) follow(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.store.Changed():
			d.loop.Wake()
		}
	}
}

func (d *Daemon) sweep(ctx context.Context) error {
	tick := time.NewTicker(sweepInterval)
	defer tick.Stop()
	for {
		done, err := d.store.Sweep()
		if err != nil {
			d.log.Error("old jobs could not be removed", "error", err)
		}
		if done.Wiped+done.Removed > 0 {
			d.log.Info("retention is over", "outputs_wiped", done.Wiped, "jobs_removed", done.Removed)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (d *Daemon) close() error {
	var errs []error
	if d.host != nil {
		errs = append(errs, d.host.Close())
	}
	if d.store != nil {
		errs = append(errs, d.store.Close())
	}
	if d.earnings != nil {
		errs = append(errs, d.earnings.Close())
	}
	if d.file != nil {
		errs = append(errs, d.file.Close())
	}
	return errors.Join(errs...)
}

// closed notes what a job earned.
func (d *Daemon) closed(j computetypes.Job) error { return d.earnings.add(j) }
