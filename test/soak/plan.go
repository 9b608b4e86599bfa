package soak

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"time"
)

// MarshalText writes a step by its name.
func (s Step) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Who is killed.
type Who string

// Those who are killed.
const (
	Worker   Who = "worker"
	Chain    Who = "chain"
	Customer Who = "customer"
)

// Step is how far a job has come.
type Step int

// The steps, in order.
const (
	Before Step = iota
	Submitted
	Uploading
	Ready
	Started
	Running
	Ended
	ReceiptQueued
	ReceiptInBlock
	Closed
)

func (s Step) String() string {
	return [...]string{"before", "submitted", "uploading", "ready", "started", "running", "ended", "receipt_queued", "receipt_in_block", "closed"}[s]
}

// How somebody goes away.
type How string

// The ways to go away.
const (
	Kill  How = "kill"  // -9: a power cut
	Term  How = "term"  // as service managers and people end a program
	Pause How = "pause" // a machine that hangs, and comes back
)

// Blow is one program that goes away at a step, and its return.
type Blow struct {
	Who  Who  `json:"who"`
	Step Step `json:"step"`
	How  How  `json:"how"`
	// After is how long the step has been reached when it happens, Down how long
	// until the program is started again.
	After time.Duration `json:"after"`
	Down  time.Duration `json:"down"`
	// Stumble, when it is not 0, is how long after its new start the program is
	// killed once more: in the middle of finding its feet.
	Stumble time.Duration `json:"stumble"`
}

// Task is what the job does, and how its run should end.
type Task struct {
	Verb string `json:"verb"`
	Arg  string `json:"arg"`
	// Input is the size of the input file in bytes; 0 is none.
	Input     int           `json:"input"`
	MaxTime   time.Duration `json:"max_time"`
	Memory    string        `json:"memory"`
	MaxOutput string        `json:"max_output"`
	// Reason and ExitCode are what an undisturbed run's receipt says.
	Reason   string `json:"reason"`
	ExitCode int    `json:"exit_code"`
}

// Then is what the customer does when he is not killed.
type Then string

// The customers' ways.
const (
	Stays   Then = "stays"   // and comes back after each kill
	Leaves  Then = "leaves"  // for good after his last kill, and fetches the result when it is paid
	Cancels Then = "cancels" // at CancelAt
)

// Schedule is one job and everything that happens to it.
type Schedule struct {
	Seed     uint64        `json:"seed"`
	Task     Task          `json:"task"`
	Then     Then          `json:"then"`
	CancelAt Step          `json:"cancel_at"`
	Delay    time.Duration `json:"cancel_delay"`
	// Blows are in the order of their steps for each victim; different victims'
	// blows may fall together.
	Blows []Blow `json:"blows"`
}

// Of are the blows that hit one victim.
func (s Schedule) Of(who Who) (out []Blow) {
	for _, b := range s.Blows {
		if b.Who == who {
			out = append(out, b)
		}
	}
	return out
}

func (s Schedule) String() string {
	return fmt.Sprintf("seed %d: %s %s, customer %s, %v", s.Seed, s.Task.Verb, s.Task.Arg, s.Then, s.Blows)
}

func (b Blow) String() string {
	return fmt.Sprintf("%s %s at %s+%s for %s", b.How, b.Who, b.Step, b.After, b.Down)
}

// dice are the choices of one seed.
type dice struct{ *rand.Rand }

func roll(seed uint64) dice {
	return dice{rand.New(rand.NewChaCha8(sha256.Sum256(binary.BigEndian.AppendUint64([]byte("emc/soak/1/"), seed))))}
}

// one in n.
func (d dice) one(n int) bool { return d.IntN(n) == 0 }

// millis is a time from low up to high milliseconds.
func (d dice) millis(low, high int) time.Duration {
	return time.Duration(low+d.IntN(high-low)) * time.Millisecond
}

// Plan makes the schedule of a seed.
func Plan(seed uint64) Schedule {
	d := roll(seed)
	s := Schedule{Seed: seed, Then: Stays}
	for range 1 + d.IntN(3) {
		if d.IntN(3) > 0 {
			s.Blows = append(s.Blows, d.worker())
		} else {
			s.Blows = append(s.Blows, d.customer())
		}
	}
	if d.one(8) {
		s.Blows = append(s.Blows, d.chain())
	}
	switch n := d.IntN(10); {
	case n == 0:
		s.Then, s.CancelAt, s.Delay = Cancels, Submitted+Step(d.IntN(int(ReceiptQueued))), d.millis(0, 500)
	case n < 4 && len(s.Of(Customer)) > 0:
		s.Then = Leaves
	}
	s.Blows = inOrder(s.Blows)
	s.Task = d.task(s.Blows)
	return s
}

// inOrder sorts by step, and keeps the order of the dice within a step.
func inOrder(blows []Blow) (out []Blow) {
	for step := Before; step <= Closed; step++ {
		for _, b := range blows {
			if b.Step == step {
				out = append(out, b)
			}
		}
	}
	return out
}

func (d dice) worker() Blow {
	b := Blow{Who: Worker, Step: Step(d.IntN(int(Closed) + 1)), How: d.how(), Down: d.down()}
	b.After = d.after(b.Step)
	if b.How != Pause && d.one(4) {
		b.Stumble = d.millis(10, 1500)
	}
	return b
}

// customer: his command ends with the job, so that only what is before can hit it.
func (d dice) customer() Blow {
	b := Blow{Who: Customer, Step: Step(d.IntN(int(Closed))), How: d.how(), Down: d.down()}
	b.After = d.after(b.Step)
	return b
}

func (d dice) chain() Blow {
	b := Blow{Who: Chain, Step: Step(d.IntN(int(Closed))), How: d.how(), Down: d.millis(0, 2500)}
	b.After = d.after(b.Step)
	if d.one(10) {
		b.Down = d.millis(11_000, 14_000) // longer than a block may take: the network's clock stands still
	}
	return b
}

func (d dice) how() How {
	switch d.IntN(8) {
	case 0:
		return Term
	case 1:
		return Pause
	}
	return Kill
}

// after: most blows fall as soon as the step is seen, so that they meet it.
func (d dice) after(step Step) time.Duration {
	switch {
	case step == Before:
		return d.millis(0, 1500)
	case d.one(2):
		return 0
	}
	return d.millis(1, 700)
}

// down: mostly short; sometimes longer than the chain waits.
func (d dice) down() time.Duration {
	switch n := d.IntN(20); {
	case n < 14:
		return d.millis(0, 2000)
	case n < 19:
		return d.millis(2000, 6000)
	}
	return d.millis(6000, 30_000)
}

// Ends of a run, as receipts name them.
const (
	exited   = "EXIT_REASON_EXITED"
	deadline = "EXIT_REASON_DEADLINE"
	memory   = "EXIT_REASON_MEMORY"
	output   = "EXIT_REASON_OUTPUT"
)

// rounds of a computation, in millions. Few different ones: the results are
// computed here, too, to be compared.
func (d dice) rounds(long bool) string {
	if long {
		return []string{"200", "400"}[d.IntN(2)]
	}
	return []string{"20", "60"}[d.IntN(2)]
}

func (d dice) task(blows []Blow) Task {
	long, big := false, false
	for _, b := range blows {
		long = long || b.Step == Running
		big = big || b.Step == Uploading
	}
	t := Task{MaxTime: 3 * time.Minute, Memory: "256MiB", MaxOutput: "64MiB", Reason: exited}
	n := d.IntN(100)
	if d.one(3) || big {
		t.Input = 1 + d.IntN(64<<10)
	}
	switch {
	case big:
		t.Verb, t.Arg, t.Input = "echo", "word", 4<<20+d.IntN(12<<20)
	case long && n < 80:
		t.Verb, t.Arg = "spin", d.rounds(true)
	case n < 40:
		t.Verb, t.Arg, t.Input = "echo", fmt.Sprint("word", d.IntN(1000)), 1+d.IntN(64<<10)
	case n < 65:
		t.Verb, t.Arg = "spin", d.rounds(false)
	case n < 72:
		t.Verb, t.Arg = "think", d.rounds(false)
	case n < 82:
		t.ExitCode = 1 + d.IntN(100)
		t.Verb, t.Arg = "exit", fmt.Sprint(t.ExitCode)
	case n < 86:
		t.Verb, t.Arg, t.Reason = "alloc", "512", memory
	case n < 90:
		t.Verb, t.Arg, t.MaxOutput, t.Reason = "write", "3000000", "1MiB", output
	case n < 94:
		t.Verb, t.Arg, t.MaxTime, t.Reason = "spin", "0", 3*time.Second, deadline
	default:
		t.Verb, t.Arg = "files", fmt.Sprint(1+d.IntN(40))
	}
	return t
}
