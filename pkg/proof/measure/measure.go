package measure

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"time"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/kernel"
	"github.com/edgematrix/emc/pkg/proof/prover"
)

// samples is how many tiles the proof at the end opens: as many as a new node's.
const samples = 32

// turns is how often work and ceiling are measured in turns.
const turns = 5

// Options say what to measure.
type Options struct {
	Kernel  kernel.Kernel
	Threads int
	// LogN is the logarithm of n; 0 is the one that suits the kernel.
	LogN uint8
	// Duration is how long the rounds take, about.
	Duration time.Duration
	// Progress is told in words what goes on; it may be nil.
	Progress func(string)
}

// Run measures. It ends with the context, and says so.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.LogN == 0 {
		o.LogN = prover.Suited(o.Kernel)
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Duration <= 0 {
		return Report{}, errors.New("measure: the duration must be positive")
	}
	m := &measurement{Options: o, window: window(o.LogN)}
	o.Progress(fmt.Sprintf("one round of n = %d with %s on %s, to see how long it takes", 1<<o.LogN, o.Kernel.Name(), cores(o.Threads)))
	if err := m.reserve(1); err != nil {
		return Report{}, err
	}
	// The first round also warms up: caches, pages, the processor's clock.
	for range 2 {
		if err := m.turn(ctx); err != nil {
			return Report{}, err
		}
	}
	rounds := max(1, uint64(o.Duration.Seconds()/turns/m.took[1].Seconds()))
	m.took, m.rates, m.usage = nil, nil, prover.Usage{}
	if err := m.reserve(rounds); err != nil {
		return Report{}, err
	}
	m.ceiling()
	for i := range turns {
		o.Progress(fmt.Sprintf("turn %d of %d: %d rounds", i+1, turns, rounds))
		if err := m.turn(ctx); err != nil {
			return Report{}, err
		}
		m.ceiling()
	}
	o.Progress("a proof, opened and verified")
	return m.report(ctx)
}

// measurement is what Run collects.
type measurement struct {
	Options
	window    proof.Window
	workspace *prover.Workspace
	last      *prover.Prover
	took      []time.Duration
	rates     []float64
	ceilings  []float64
	usage     prover.Usage
}

// window is one that nobody computed before.
func window(logN uint8) proof.Window {
	w := proof.Window{ChainID: "emc-bench", Kind: proof.KindInt8, LogN: logN}
	_, _ = rand.Read(w.Beacon[:]) // never fails
	return w
}

func (m *measurement) config(rounds uint64) prover.Config {
	return prover.Config{Kernel: m.Kernel, Threads: m.Threads, Rounds: rounds}
}

// ceiling is measured before and after each turn.
func (m *measurement) ceiling() {
	m.ceilings = append(m.ceilings, Ceiling(m.Kernel, m.Threads, 200*time.Millisecond))
}

// reserve makes the memory for turns of so many rounds.
func (m *measurement) reserve(rounds uint64) (err error) {
	m.workspace, err = prover.Reserve(m.config(rounds), m.LogN)
	return err
}

// turn does the rounds of a window of its own.
func (m *measurement) turn(ctx context.Context) error {
	m.window.Height++
	p, err := m.workspace.Prover(m.window)
	if err != nil {
		return err
	}
	begin := time.Now()
	p.Run(ctx)
	took := time.Since(begin)
	if ctx.Err() != nil {
		return fmt.Errorf("measure: stopped: %w", context.Cause(ctx))
	}
	u := p.Usage()
	m.last = p
	m.took = append(m.took, took)
	m.rates = append(m.rates, float64(u.Rounds)*float64(uint64(1)<<(3*m.LogN))/took.Seconds())
	m.usage.Rounds += u.Rounds
	m.usage.Generate += u.Generate
	m.usage.Multiply += u.Multiply
	m.usage.Hash += u.Hash
	return nil
}

func (m *measurement) report(ctx context.Context) (Report, error) {
	r := Report{
		Backend: m.Kernel.Name(), N: 1 << m.LogN, Threads: m.Threads, Rounds: m.usage.Rounds,
		Rate: Median(m.rates), Ceiling: Median(m.ceilings), Samples: samples,
	}
	var ratios []float64
	for i, rate := range m.rates {
		r.Seconds += m.took[i].Seconds()
		// The better of both: what disturbs a ceiling only makes it lower.
		ratios = append(ratios, rate/max(m.ceilings[i], m.ceilings[i+1]))
	}
	r.E, r.OfCeiling = r.Rate/1e12, Median(ratios)
	m.shares(&r)
	var err error
	working := m.config(0)
	working.Memory = 1 // leaves that are kept are the owner's choice
	if r.Memory, err = prover.Footprint(working, m.LogN); err != nil {
		return Report{}, err
	}
	if r.ProofBytes, r.VerifyMillis, err = m.verify(ctx); err != nil {
		return Report{}, err
	}
	r.Verdict = r.words()
	return r, nil
}

// shares tells where the cores' time went.
func (m *measurement) shares(r *Report) {
	rows, cols := m.Kernel.Shape()
	blocks := float64(m.usage.Rounds) * float64(r.N/rows) * float64(r.N/cols)
	fold := blocks * foldTime(m.Kernel).Seconds()
	all := (m.usage.Generate + m.usage.Multiply + m.usage.Hash).Seconds()
	r.Generate, r.Fold, r.Hash = m.usage.Generate.Seconds()/all, fold/all, m.usage.Hash.Seconds()/all
	r.Overhead = r.Generate + r.Fold + r.Hash
}

// verify opens the last window's commitment, and times its verification.
func (m *measurement) verify(ctx context.Context) (size int, millis float64, err error) {
	c, _, err := m.last.Commit()
	if err != nil {
		return 0, 0, err
	}
	beacon := m.window.Beacon
	beacon[0]++
	out, err := m.last.Open(ctx, c, beacon, samples)
	if err != nil {
		return 0, 0, err
	}
	var times []float64
	for range 9 {
		begin := time.Now()
		if err := proof.VerifyWith(m.Kernel, m.window, c, beacon, samples, out); err != nil {
			return 0, 0, err
		}
		times = append(times, time.Since(begin).Seconds()*1000)
	}
	return len(out), Median(times), nil
}

// Median is the middle of the values, the upper one of two.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// LogN is the logarithm of a matrix size, with an error that lists the sizes.
func LogN(n int) (uint8, error) {
	if n < 1<<proof.MinLogN || n > 1<<proof.MaxLogN || n&(n-1) != 0 {
		return 0, fmt.Errorf("n = %d is no size of the task: 1024, 2048, 4096, 8192 or 16384", n)
	}
	return uint8(bits.TrailingZeros(uint(n))), nil
}
