package prober

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/probe"
	"github.com/edgematrix/emc/pkg/transfer"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// world is a chain and the nodes on it.
type world struct {
	t     *testing.T
	draw  Draw
	block chan int64

	mu        sync.Mutex
	fail      error // of the next report
	asked     map[transfer.PubKey]int
	dead      map[transfer.PubKey]bool
	once      map[transfer.PubKey]bool // dead at the first try alone
	reports   []*poctypes.MsgReportProbes
	opened    int
	closed    int
	heights   map[transfer.PubKey]int64
	height    int64
	draws     int
	unsettled sync.WaitGroup
}

func newWorld(t *testing.T, targets int) *world {
	t.Helper()
	w := &world{
		t: t, block: make(chan int64), asked: map[transfer.PubKey]int{}, dead: map[transfer.PubKey]bool{}, once: map[transfer.PubKey]bool{},
		heights: map[transfer.PubKey]int64{}, draw: Draw{Epoch: 5, Phase: poctypes.PROBE_PHASE_OPEN, Height: 100, ClosesAt: 200, Targets: uint32(targets), Prober: "hot", Member: true},
	}
	for i := range targets {
		key := key(i)
		w.draw.Probes = append(w.draw.Probes, poctypes.Probe{Index: uint32(i), Node: "n", Pubkey: key[:]})
	}
	return w
}

func key(i int) transfer.PubKey { return transfer.PubKey{2, byte(i + 1)} }

func (w *world) Watch(ctx context.Context, fn func(int64)) {
	for {
		select {
		case <-ctx.Done():
			return
		case h := <-w.block:
			w.mu.Lock()
			w.height = h
			w.mu.Unlock()
			fn(h)
			w.unsettled.Done()
		}
	}
}

func (w *world) Draw(context.Context, string) (Draw, error) {
	w.draws++
	return w.draw, nil
}

func (w *world) Report(_ context.Context, m *poctypes.MsgReportProbes) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.fail; err != nil {
		w.fail = nil
		return err
	}
	w.reports = append(w.reports, m)
	w.draw.Reported = true
	return nil
}

func (w *world) Probe(_ context.Context, t probe.Target) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked[t.Node]++
	w.heights[t.Node] = w.height
	if w.dead[t.Node] || (w.once[t.Node] && w.asked[t.Node] == 1) {
		return errors.New("no answer")
	}
	return nil
}

func (w *world) Close() error { w.closed++; return nil }

// start runs a prober; the returned function makes a block and waits until it is
// dealt with, and all probes with it.
func (w *world) start() (block func(height int64), stop func()) {
	p, err := New(Config{
		Chain: w, Validator: "val", Prober: "hot", AtOnce: 4, Rand: rand.New(rand.NewPCG(1, 2)), Logger: slog.New(slog.DiscardHandler),
		NewAsker: func(context.Context) (Asker, error) { w.opened++; return w, nil },
	})
	require.NoError(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); require.NoError(w.t, <-done) })
	w.t.Cleanup(stop)
	return func(height int64) {
		w.unsettled.Add(1)
		w.block <- height
		w.unsettled.Wait()
		p.probes.Wait()
	}, stop
}

func (w *world) run(block func(int64), from, to int64) {
	for h := from; h <= to; h++ {
		block(h)
	}
}

// Every target is asked, at moments spread over the epoch; who does not answer is
// asked twice; one report says it all, and nothing more happens in this epoch.
func TestRound(t *testing.T) {
	w := newWorld(t, 20)
	w.dead[key(3)], w.once[key(4)] = true, true
	block, _ := w.start()
	w.run(block, 101, 199)
	require.Len(t, w.reports, 1)
	m := w.reports[0]
	require.Equal(t, []any{"hot", "val", uint64(5)}, []any{m.Prober, m.Validator, m.Epoch})
	require.NoError(t, poctypes.CheckReport(20, m.Probed, m.Passed))
	require.EqualValues(t, 20, poctypes.Ones(m.Probed))
	require.EqualValues(t, 19, poctypes.Ones(m.Passed))
	require.Equal(t, []byte{0b11110111, 0xff, 0x0f}, m.Passed)
	require.Equal(t, 2, w.asked[key(3)])
	require.Equal(t, 2, w.asked[key(4)])
	require.Equal(t, 1, w.asked[key(5)])
	require.Equal(t, []int{1, 1}, []int{w.opened, w.closed}, "one identity for the epoch")
	early, late := 0, 0
	for _, h := range w.heights {
		if h < 130 {
			early++
		}
		if h > 160 {
			late++
		}
	}
	require.Positive(t, early)
	require.Positive(t, late)
	draws := w.draws
	w.run(block, 150, 199)
	require.Equal(t, draws, w.draws, "nothing to look for before the next epoch")

	w.draw.Epoch, w.draw.Height, w.draw.ClosesAt, w.draw.Reported = 6, 200, 300, false
	w.run(block, 200, 299)
	require.Len(t, w.reports, 2)
	require.Equal(t, 2, w.opened, "and another one for the next")
}

// A prober that reaches nobody does not say that all are gone.
func TestOwnNetworkIsDown(t *testing.T) {
	w := newWorld(t, 5)
	for i := range 5 {
		w.dead[key(i)] = true
	}
	block, _ := w.start()
	w.run(block, 101, 199)
	require.Empty(t, w.reports)
	require.Equal(t, 2, w.asked[key(0)])
	// In the next epoch one answers: then it was the others.
	w.dead[key(2)] = false
	w.draw.Epoch, w.draw.Height, w.draw.ClosesAt = 6, 200, 300
	w.run(block, 200, 299)
	require.Len(t, w.reports, 1)
	require.EqualValues(t, 1, poctypes.Ones(w.reports[0].Passed))
}

// A report that is refused is sent again; one that never gets through is given up
// with its epoch.
func TestReportIsTriedAgain(t *testing.T) {
	w := newWorld(t, 3)
	w.fail = errors.New("the node is away")
	block, _ := w.start()
	w.run(block, 101, 199)
	require.Len(t, w.reports, 1)
}

// What began late probes what it can, and leaves nothing out as failed that it did
// not ask. Who comes when it is too late reports nothing.
func TestLate(t *testing.T) {
	w := newWorld(t, 8)
	w.draw.Probes[7].Pubkey = nil // it retired
	block, _ := w.start()
	block(185) // all are due by 188, when the results are reported
	w.run(block, 186, 199)
	require.Len(t, w.reports, 1)
	require.EqualValues(t, 7, poctypes.Ones(w.reports[0].Probed))
	require.True(t, bytes.Equal(w.reports[0].Probed, w.reports[0].Passed))
}

// Nothing is probed for who may not report, or has.
func TestNoDuty(t *testing.T) {
	for name, change := range map[string]func(*Draw){
		"not yet a member":  func(d *Draw) { d.Member = false },
		"reported already":  func(d *Draw) { d.Reported = true },
		"another key":       func(d *Draw) { d.Prober = "other" },
		"no key":            func(d *Draw) { d.Prober = "" },
		"nothing drawn":     func(d *Draw) { d.Probes = nil },
		"still being drawn": func(d *Draw) { d.Phase = poctypes.PROBE_PHASE_DRAWING },
		"nothing concluded": func(d *Draw) { d.Phase = poctypes.PROBE_PHASE_CLOSED },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, 3)
			change(&w.draw)
			block, _ := w.start()
			w.run(block, 101, 199)
			require.Empty(t, w.reports)
			require.Empty(t, w.asked)
			require.Zero(t, w.opened)
		})
	}
}

// A prober that is told to stop in the middle waits for its probes and reports
// nothing half done.
func TestStop(t *testing.T) {
	w := newWorld(t, 10)
	block, stop := w.start()
	w.run(block, 101, 120)
	stop()
	require.Empty(t, w.reports)
	require.Equal(t, w.opened, w.closed)
	_, err := New(Config{})
	require.Error(t, err)
}

// No target's turn comes after the report is due, however short the epoch.
func TestPlan(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 2_000 {
		d := Draw{Height: r.Int64N(100), Probes: make([]poctypes.Probe, 5)}
		d.ClosesAt = d.Height + 10 + r.Int64N(200)
		now := d.Height + r.Int64N(10)
		round := newRound(d, now, r)
		require.Less(t, round.last, d.ClosesAt-1)
		for _, at := range round.at {
			require.GreaterOrEqual(t, at, now)
			require.True(t, at <= round.last || now >= round.last)
		}
	}
}
