package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/edgematrix/emc/pkg/proof"
	"github.com/edgematrix/emc/pkg/proof/kernel"
	"github.com/edgematrix/emc/pkg/proof/measure"
	"github.com/edgematrix/emc/pkg/proof/prover"
	"github.com/edgematrix/emc/test/e2e/rig"
)

const (
	// proofLogN is the size at which processors are compared.
	proofLogN = 12
	// proofSamples is how many tiles a new node opens.
	proofSamples = 32
	// proofRounds is the number of rounds that the size of a proof is told for:
	// what 190 E do in a window, so a larger node picks a larger n.
	proofRounds = 1 << 15
	// windowSeconds is the nominal length of a window.
	windowSeconds = 12
	// pairsTimed is how often the prover and a reference are timed in turns.
	pairsTimed = 3
	// timed is how long each takes, about.
	timed = 12 * time.Second
)

// proofFigures measures the prover and the verifier, each on one core.
func proofFigures(bin string) ([]Figure, error) {
	// What is started from here stays on this core, too: a prover and its
	// reference are compared on the same one.
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	before, err := pin()
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.SchedSetaffinity(0, before) }()

	worker := rig.Binaries(bin).Worker()
	var figures []Figure
	var overhead float64
	for _, k := range kernel.All() {
		r, err := prove(worker, k.Name())
		if err != nil {
			return nil, err
		}
		goal := ">= 0.7"
		switch k.Name() {
		case "go":
			goal = "-"
		case "amx":
			goal = ">= 0.5"
		}
		figures = append(figures,
			Figure{Name: "proof.cpu.of_peak." + k.Name(), Value: r.OfCeiling, Unit: "ratio", Goal: goal},
			Figure{Name: "proof.cpu.gmacs." + k.Name(), Value: r.Rate / 1e9, Unit: "GMAC/s", Goal: "-"})
		if k == kernel.Best() {
			overhead = r.Overhead
		}
	}
	figures = append(figures, Figure{Name: "proof.overhead_share", Value: overhead, Unit: "ratio", Goal: "<= 0.07"})
	for _, reference := range []struct{ name, program string }{
		{"proof.cpu.vs_onednn", "reference-onednn"},
		{"proof.cpu.vs_openblas_sgemm", "reference-sgemm"},
	} {
		got, err := against(worker, filepath.Join(bin, reference.program))
		if err != nil {
			return nil, err
		}
		got.Name, got.Goal = reference.name, goalAgainst(reference.name)
		figures = append(figures, got)
	}
	verified, err := verifyFigures()
	if err != nil {
		return nil, err
	}
	figures = append(figures, verified...)
	stopped, err := cancelFigure()
	if err != nil {
		return nil, err
	}
	figures = append(figures, stopped)
	return append(figures, Figure{Name: "proof.gpu.vs_cublaslt", Value: "not run", Unit: "ratio", Goal: ">= 1"}), nil
}

// pin keeps this thread on the first core that it may use.
func pin() (before *unix.CPUSet, err error) {
	before = new(unix.CPUSet)
	if err := unix.SchedGetaffinity(0, before); err != nil {
		return nil, err
	}
	for cpu := range 1024 {
		if before.IsSet(cpu) {
			var one unix.CPUSet
			one.Set(cpu)
			return before, unix.SchedSetaffinity(0, &one)
		}
	}
	return nil, errors.New("this thread may use no core")
}

func goalAgainst(reference string) string {
	unit := kernel.Best().Name()
	switch {
	case unit == "go" || unit == "avx2":
		return "-"
	case reference == "proof.cpu.vs_onednn" && unit == "amx":
		return ">= 1.5"
	case reference == "proof.cpu.vs_onednn":
		return ">= 1.1"
	case unit == "amx":
		return ">= 15"
	default:
		return ">= 3"
	}
}

// prove runs the worker's own benchmark on one core.
func prove(worker, backend string) (r measure.Report, err error) {
	return r, program(&r, worker, "bench", "--json", "--backend", backend, "--threads", "1",
		"--n", fmt.Sprint(1<<proofLogN), "--seconds", fmt.Sprint(timed.Seconds()))
}

// program reads the JSON that a program prints.
func program(into any, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return fmt.Errorf("%s: %w: %s", name, err, exit.Stderr)
		}
		return err
	}
	return json.Unmarshal(out, into)
}

// against times the fastest kernel and a reference in turns.
func against(worker, reference string) (Figure, error) {
	if _, err := os.Stat(reference); err != nil {
		return Figure{Value: "not run", Unit: "ratio"}, nil //nolint:nilerr // test/bench/reference/build.sh has said why
	}
	var ratios []float64
	var said struct {
		Library        string  `json:"library"`
		ISA            string  `json:"isa"`
		Core           string  `json:"core"`
		Implementation string  `json:"implementation"`
		Exact          *bool   `json:"exact"`
		GMACs          float64 `json:"gmacs"`
	}
	for range pairsTimed {
		r, err := prove(worker, "auto")
		if err != nil {
			return Figure{}, err
		}
		if err := program(&said, reference, fmt.Sprint(1<<proofLogN), fmt.Sprint(timed.Seconds())); err != nil {
			return Figure{}, err
		}
		ratios = append(ratios, r.Rate/1e9/said.GMACs)
	}
	unit := fmt.Sprintf("ratio (%s against %s, %s%s", kernel.Best().Name(), said.Library, said.ISA, said.Core)
	if said.Exact != nil && !*said.Exact {
		unit += ", whose sums saturate"
	}
	return Figure{Value: median(ratios), Unit: unit + ")"}, nil
}

// verifyFigures times the verification of a proof with 32 openings.
func verifyFigures() ([]Figure, error) {
	w := proof.Window{ChainID: "emc-bench", Kind: proof.KindInt8, LogN: proofLogN}
	p, err := prover.New(w, prover.Config{Rounds: 4, Threads: 1})
	if err != nil {
		return nil, err
	}
	p.Run(context.Background())
	c, _, err := p.Commit()
	if err != nil {
		return nil, err
	}
	beacon := [32]byte{1}
	out, err := p.Open(context.Background(), c, beacon, proofSamples)
	if err != nil {
		return nil, err
	}
	millis := func(k kernel.Kernel) (float64, error) {
		var spans []time.Duration
		for range 51 {
			begin := time.Now()
			if err := proof.VerifyWith(k, w, c, beacon, proofSamples, out); err != nil {
				return 0, err
			}
			spans = append(spans, time.Since(begin))
		}
		return 1000 * median(seconds(spans)), nil
	}
	fast, err := millis(kernel.Best())
	if err != nil {
		return nil, err
	}
	slow, err := millis(kernel.Portable())
	if err != nil {
		return nil, err
	}
	goal := "<= 2"
	if kernel.Best() == kernel.Portable() {
		goal = "-"
	}
	size := proof.Size(proof.Commitment{LogN: proofLogN, Rounds: proofRounds}, proofSamples)
	return []Figure{
		{Name: "proof.verify_ms", Value: fast, Unit: "ms (" + kernel.Best().Name() + ")", Goal: goal},
		{Name: "proof.verify_ms.go", Value: slow, Unit: "ms", Goal: "<= 20"},
		{Name: "proof.bytes", Value: float64(size), Unit: fmt.Sprintf("bytes (%d rounds)", proofRounds), Goal: "<= 43008"},
		{Name: "proof.verify_vs_work", Value: fast / 1000 / windowSeconds, Unit: "of a window's work on the same core", Goal: "<= 0.001"},
	}, nil
}

// cancelFigure is the longest that a prover took to stop, whatever it was doing.
func cancelFigure() (Figure, error) {
	var worst time.Duration
	for _, k := range kernel.All() {
		space, err := prover.Reserve(prover.Config{Kernel: k, Threads: 1}, proof.MaxLogN)
		if err != nil {
			return Figure{}, err
		}
		for i := range 10 {
			p, err := space.Prover(proof.Window{Kind: proof.KindInt8, LogN: proof.MaxLogN})
			if err != nil {
				return Figure{}, err
			}
			ctx, cancel := context.WithCancel(context.Background())
			ended := make(chan time.Time, 1)
			go func() {
				p.Run(ctx)
				ended <- time.Now()
			}()
			time.Sleep(time.Duration(50+37*i) * time.Millisecond) // some moment or other
			begin := time.Now()
			cancel()
			worst = max(worst, (<-ended).Sub(begin))
		}
	}
	return Figure{Name: "proof.cancel_ms", Value: 1000 * worst.Seconds(), Unit: "ms (worst)", Goal: "<= 50"}, nil
}
