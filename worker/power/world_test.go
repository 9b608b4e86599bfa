package power

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/worker/runtime"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

const (
	opens    = int64(100)
	blocks   = int64(6)
	drawnAt  = opens + blocks + 1
	revealBy = drawnAt + 8
)

// world is a chain, a queue, a disk and programs that outlive a worker.
type world struct {
	t      *testing.T
	dir    string
	key    *secp256k1.PrivKey
	node   computetypes.Node
	params poctypes.Params

	began    time.Time
	height   int64
	windows  map[int64]*poctypes.Window
	newest   int64
	commit   *poctypes.Commit
	drawn    bool
	scores   []poctypes.Score
	lost     map[string]bool // messages that reach no block
	keys     map[string]sdk.Msg
	order    []string
	included map[string]bool

	programs *programs
	log      strings.Builder
	// call is told of each thing that a loop does to its world; the number counts
	// from 1.
	call  func(n int, what string)
	calls int
}

// programs are what runs; it may refuse to be frozen or thawed.
type programs struct {
	mu                sync.Mutex
	frozen            bool
	freezes, thaws    int
	freezing, thawing error
	panics            bool
}

func (p *programs) Freeze(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.freezes++
	p.frozen = p.freezing == nil
	if p.panics {
		panic("freeze")
	}
	return p.freezing
}

func (p *programs) Thaw(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.thaws++
	if p.thawing == nil {
		p.frozen = false
	}
	return p.thawing
}

func (p *programs) are() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.frozen
}

func newWorld(t *testing.T) *world {
	key := secp256k1.GenPrivKeyFromSecret([]byte("node"))
	p := poctypes.DefaultParams()
	p.WindowBlocks, p.RevealBlocks, p.SuspectSamples = uint64(blocks), 8, 20
	w := &world{
		t: t, dir: filepath.Join(t.TempDir(), "proof"), key: key, params: p, began: time.Now(), height: opens - 2, windows: map[int64]*poctypes.Window{}, drawn: true,
		lost: map[string]bool{}, keys: map[string]sdk.Msg{}, included: map[string]bool{}, programs: &programs{},
	}
	w.node = computetypes.Node{Address: w.address().String(), Operator: "emc1operator", Role: computetypes.ROLE_COMPUTING}
	return w
}

func (w *world) address() sdk.AccAddress { return sdk.AccAddress(w.key.PubKey().Address()) }

// start is a worker's start.
func (w *world) start() *Loop {
	return New(Config{
		Dir: w.dir, ChainID: "emc-1", Address: w.address(), PubKey: w.key.PubKey().Bytes(), Chain: w, Queue: w,
		Freezers: []runtime.Freezer{w.programs}, Node: func() (computetypes.Node, bool) { return w.node, w.node.Address != "" },
		Threads: 1, LogN: 10, Logger: slog.New(slog.NewTextHandler(&w.log, nil)),
		measure: func(context.Context, Config, uint8) (float64, error) { return 1e6, nil },
	})
}

func (w *world) did(what string) {
	w.calls++
	if w.call != nil {
		w.call(w.calls, what)
	}
}

func (w *world) PocParams(context.Context) (poctypes.Params, error) {
	w.did("params")
	return w.params, nil
}

func (w *world) Window(_ context.Context, height int64) (poctypes.Window, error) {
	w.did("window")
	if height == 0 {
		height = w.newest
	}
	if found := w.windows[height]; found != nil {
		return *found, nil
	}
	return poctypes.Window{}, chainclient.ErrNotFound
}

func (w *world) Proof(context.Context, string) (poctypes.QueryProofResponse, error) {
	w.did("proof")
	if w.commit == nil {
		return poctypes.QueryProofResponse{}, chainclient.ErrNotFound
	}
	return poctypes.QueryProofResponse{Commit: *w.commit, Drawn: w.drawn, Samples: 20}, nil
}

func (w *world) Power(context.Context, string) (poctypes.QueryPowerResponse, error) {
	w.did("power")
	return poctypes.QueryPowerResponse{Record: poctypes.Record{Scores: w.scores, Proved: 7}, Missed: 2}, nil
}

func (w *world) Rewards(context.Context, string) (poctypes.Reward, error) {
	w.did("rewards")
	return poctypes.Reward{Claimable: poctypes.Uemc(math.NewInt(5))}, nil
}

// Put implements Queue. A commitment is queued only when its proof can be made
// from what is on the disk.
func (w *world) Put(key string, msg sdk.Msg) (bool, error) {
	w.did("before " + key)
	if _, ok := w.keys[key]; ok {
		return false, nil
	}
	if m, ok := msg.(*poctypes.MsgCommitProof); ok {
		r, err := loadRecord(w.dir)
		require.NoError(w.t, err)
		require.NotNil(w.t, r, "a commitment was queued before it was written down")
		_, found := r.find(poctypes.Commit{Log2N: m.Log2N, Rounds: m.Rounds, Root: m.Root})
		require.True(w.t, found, "another commitment was written down")
		require.Equal(w.t, m.Root, rootOf(r.roots()[:m.Rounds]))
	}
	w.keys[key] = msg
	w.order = append(w.order, key)
	w.did("after " + key)
	return true, nil
}

func rootOf(rounds []proof.Digest) []byte {
	root := proof.Root(rounds)
	return root[:]
}

// Wake implements Queue.
func (w *world) Wake() {}

// block makes the next block: it takes what is queued, and moves the window on.
func (w *world) block() chainclient.Head {
	w.height++
	if w.height == opens {
		beacon := sha256.Sum256([]byte("beacon"))
		w.newest = opens
		w.windows[opens] = &poctypes.Window{Height: opens, Phase: poctypes.PHASE_OPEN, Beacon: beacon[:], Opened: w.time(), ClosesAt: opens + blocks}
	}
	window := w.windows[opens]
	for _, key := range w.order {
		if !w.included[key] && !w.lost[key] && window != nil {
			w.include(key, window)
		}
	}
	if window != nil {
		w.move(window)
	}
	return chainclient.Head{ChainID: "emc-1", Height: w.height, Time: w.time()}
}

func (w *world) time() time.Time { return w.began.Add(time.Duration(w.height-opens) * time.Second) }

func (w *world) include(key string, window *poctypes.Window) {
	switch m := w.keys[key].(type) {
	case *poctypes.MsgCommitProof:
		if window.Phase != poctypes.PHASE_OPEN || w.height > window.ClosesAt {
			return
		}
		w.commit = &poctypes.Commit{Node: w.address(), Window: m.Window, Log2N: m.Log2N, Rounds: m.Rounds, Root: m.Root}
	case *poctypes.MsgRevealProof:
		if window.Phase != poctypes.PHASE_REVEAL {
			return
		}
		require.NoError(w.t, w.verify(m), "a wrong opening was sent")
		w.commit.Outcome = poctypes.OUTCOME_PROVED
	}
	w.included[key] = true
}

// verify is the chain's check.
func (w *world) verify(m *poctypes.MsgRevealProof) error {
	if w.commit == nil {
		return errors.New("nothing was committed to")
	}
	window := w.windows[m.Window]
	pw := proof.Window{ChainID: "emc-1", Height: uint64(m.Window), Beacon: [32]byte(window.Beacon), Node: [20]byte(w.address()),
		PubKey: [33]byte(w.key.PubKey().Bytes()), Kind: 1, LogN: uint8(w.commit.Log2N)}
	c := proof.Commitment{LogN: uint8(w.commit.Log2N), Rounds: w.commit.Rounds, Root: proof.Digest(w.commit.Root)}
	return proof.Verify(pw, c, [32]byte(window.Draw), 20, m.Proof)
}

func (w *world) move(window *poctypes.Window) {
	switch {
	case w.height == window.ClosesAt:
		window.Phase = poctypes.PHASE_DRAWING
	case w.height == drawnAt && window.Phase == poctypes.PHASE_DRAWING:
		draw := sha256.Sum256([]byte("draw"))
		window.Phase, window.Draw, window.DrawnAt, window.RevealUntil, window.Number = poctypes.PHASE_REVEAL, draw[:], drawnAt, revealBy, 3
	case w.height > revealBy && window.Phase == poctypes.PHASE_REVEAL:
		window.Phase = poctypes.PHASE_CLOSED
		if w.commit != nil {
			w.scores = append(w.scores, poctypes.Score{Number: 3, Outcome: w.commit.Outcome, Power: 1})
		}
	}
}

// step makes a block and has the loop follow.
func (w *world) step(l *Loop) {
	w.t.Helper()
	require.NoError(w.t, l.Step(w.t.Context(), w.block()))
}

// until steps to a height.
func (w *world) until(l *Loop, height int64) {
	w.t.Helper()
	for w.height < height {
		w.step(l)
		w.work(l)
	}
}

// work waits until the prover of an open window has something more to show.
func (w *world) work(l *Loop) {
	w.t.Helper()
	if l.turn == nil || l.turn.stop == nil {
		return
	}
	before, _ := l.turn.base.last()
	require.Eventually(w.t, func() bool {
		c, _, err := l.turn.prover.Commit()
		return err == nil && c.Rounds > before.Rounds
	}, time.Minute, time.Millisecond)
}

// reveals are the reveals that were ever queued.
func (w *world) reveals() (out []*poctypes.MsgRevealProof) {
	for _, key := range w.order {
		if m, ok := w.keys[key].(*poctypes.MsgRevealProof); ok {
			out = append(out, m)
		}
	}
	return out
}

func (w *world) commits() (out []*poctypes.MsgCommitProof) {
	for _, key := range w.order {
		if m, ok := w.keys[key].(*poctypes.MsgCommitProof); ok {
			out = append(out, m)
		}
	}
	return out
}
