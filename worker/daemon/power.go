package daemon

import (
	"context"
	"maps"
	"slices"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/worker/config"
	"github.com/edgematrix/emc/worker/power"
	"github.com/edgematrix/emc/worker/runtime"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// thawTimeout is how long a start waits for what may be frozen.
const thawTimeout = 10 * time.Second

// freezers are the runtimes whose programs can be held still.
func (d *Daemon) freezers() []runtime.Freezer {
	var out []runtime.Freezer
	for _, name := range slices.Sorted(maps.Keys(d.opts.Runtimes)) {
		if f, ok := d.opts.Runtimes[name].(runtime.Freezer); ok {
			out = append(out, f)
		}
	}
	return out
}

// thawLeftovers lets go on what a worker that was killed left frozen. The home's
// lock is held: no other worker of this node proves.
func (d *Daemon) thawLeftovers(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, thawTimeout)
	defer cancel()
	if err := power.Thaw(ctx, d.freezers()); err != nil {
		d.log.Warn("what an earlier worker may have left frozen could not be looked at; it is ended when leftovers are swept", "error", err)
	}
}

// newPower returns the proof loop; nil when the settings switch it off.
func (d *Daemon) newPower() (*power.Loop, error) {
	c := d.opts.Config.Proof
	if !c.Enabled {
		return nil, nil
	}
	memory, err := config.ParseBytes(c.Memory)
	if err != nil {
		return nil, err
	}
	address, err := sdk.AccAddressFromBech32(d.node)
	if err != nil {
		return nil, err
	}
	return power.New(power.Config{
		Dir: d.opts.Home.Proof(), ChainID: d.opts.Config.Chain.ID, Address: address, PubKey: d.opts.Identity.PubKey(),
		Chain: d.chain, Queue: urgent{queue{d}}, Freezers: d.freezers(), Node: d.onChain,
		Threads: c.Threads, Memory: memory, LogN: uint8(c.Log2N),
		Logger: d.log, Thawed: func() { d.loop.Wake() },
	}), nil
}

// onChain is the node as the chain last showed it.
func (d *Daemon) onChain() (computetypes.Node, bool) {
	s := d.snapshot()
	return s.node.Node, s.known
}

// proving is set while the machine belongs to a window.
func (d *Daemon) proving() bool { return d.power != nil && d.power.Busy() }

// later holds status reports back while a window is worked on: a transaction on
// its way would keep the commitment waiting.
func (d *Daemon) later(msg sdk.Msg) bool {
	_, report := msg.(*computetypes.MsgReportStatus)
	return report && d.proving()
}

// tellPower passes a block on.
func (d *Daemon) tellPower(h chainclient.Head) {
	if d.power != nil {
		d.power.Head(h)
	}
}

// powerStatus is what the proof loop tells; of one that is off, only that.
func (d *Daemon) powerStatus() power.Status {
	if d.power != nil {
		return d.power.Status()
	}
	return power.Off()
}
