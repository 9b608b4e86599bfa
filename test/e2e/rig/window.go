package rig

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Window is what the chain says of a window.
type Window struct {
	Height    Int    `json:"height"`
	Phase     string `json:"phase"`
	Beacon    []byte `json:"beacon"`
	ClosesAt  Int    `json:"closes_at"`
	Took      Int    `json:"took_nanoseconds"`
	Number    Int    `json:"number"`
	Draw      []byte `json:"draw"`
	Commits   Int    `json:"commits"`
	Proved    Int    `json:"proved"`
	Silent    Int    `json:"silent"`
	Wrong     Int    `json:"wrong"`
	NotDrawn  Int    `json:"not_drawn"`
	Power     Int    `json:"power"`
	Weight    Int    `json:"weight"`
	Minted    Int    `json:"minted"`
	Validator Int    `json:"minted_validators"`
	Paid      Int    `json:"paid"`
	Void      string `json:"void_reason"`
}

// The phases of a window.
const (
	WindowOpen   = "PHASE_OPEN"
	WindowReveal = "PHASE_REVEAL"
	WindowClosed = "PHASE_CLOSED"
	WindowVoid   = "PHASE_VOID"
)

// Window asks for the window that opened at a height; 0 is the newest.
func (n *Network) Window(ctx context.Context, height int64) (Window, error) {
	var answer struct {
		Window Window `json:"window"`
	}
	_, err := n.Get(ctx, fmt.Sprintf("/emc/poc/v1/windows/%d", height), 0, &answer)
	return answer.Window, err
}

// Windows lists the last windows, at most so many as a page holds, oldest first.
func (n *Network) Windows(ctx context.Context) ([]Window, error) {
	var answer struct {
		Windows []Window `json:"windows"`
	}
	_, err := n.Get(ctx, "/emc/poc/v1/windows?pagination.reverse=true&pagination.limit=20", 0, &answer)
	slices.Reverse(answer.Windows)
	return answer.Windows, err
}

// Commit is what a node committed to in the window under way.
type Commit struct {
	Window Int    `json:"window"`
	Log2N  int    `json:"log2_n"`
	Rounds Int    `json:"rounds"`
	Root   []byte `json:"root"`

	// Drawn and Samples say what it has to open.
	Drawn   bool `json:"-"`
	Samples int  `json:"-"`
}

// Commit asks for a node's commitment.
func (n *Network) Commit(ctx context.Context, node string) (Commit, error) {
	var answer struct {
		Commit  Commit `json:"commit"`
		Drawn   bool   `json:"drawn"`
		Samples int    `json:"samples"`
	}
	_, err := n.Get(ctx, "/emc/poc/v1/proofs/"+node, 0, &answer)
	answer.Commit.Drawn, answer.Commit.Samples = answer.Drawn, answer.Samples
	return answer.Commit, err
}

// Score is a node's result in a window.
type Score struct {
	Number  Int    `json:"number"`
	Outcome string `json:"outcome"`
	Power   Int    `json:"power"`
}

// Record is what a node has proved.
type Record struct {
	Scores []Score `json:"scores"`
	Proven Int     `json:"proven"`
	Power  Int     `json:"power"`
	Proved Int     `json:"proved"`
	Silent Int     `json:"silent"`
	Wrong  Int     `json:"wrong"`
	Earned Int     `json:"earned"`
}

// Record asks what a node has proved.
func (n *Network) Record(ctx context.Context, node string) (Record, error) {
	var answer struct {
		Record Record `json:"record"`
	}
	_, err := n.Get(ctx, "/emc/poc/v1/power/"+node, 0, &answer)
	return answer.Record, err
}

// Claimable asks what an operator can claim.
func (n *Network) Claimable(ctx context.Context, operator string) (int64, error) {
	var answer struct {
		Reward struct {
			Claimable Coin `json:"claimable"`
		} `json:"reward"`
	}
	_, err := n.Get(ctx, "/emc/poc/v1/rewards/"+operator, 0, &answer)
	return int64(answer.Reward.Claimable.Amount), err
}

// Emission is how much was issued.
type Emission struct {
	Accounted Int `json:"accounted"`
	Minted    Int `json:"minted"`
	Undivided Int `json:"undivided"`

	// Scheduled is what the schedule allows so far, PerDay its present rate.
	Scheduled, PerDay Coin
}

// Emission asks how much was issued, at a height; 0 is now.
func (n *Network) Emission(ctx context.Context, height int64) (Emission, error) {
	var answer struct {
		Emission  Emission `json:"emission"`
		Scheduled Coin     `json:"scheduled"`
		PerDay    Coin     `json:"per_day"`
	}
	_, err := n.Get(ctx, "/emc/poc/v1/emission", height, &answer)
	answer.Emission.Scheduled, answer.Emission.PerDay = answer.Scheduled, answer.PerDay
	return answer.Emission, err
}

// WaitWindow waits until a window, or with height 0 any newest one, satisfies.
func (n *Network) WaitWindow(ctx context.Context, height int64, within time.Duration, fits func(Window) bool) (Window, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		w, err := n.Window(ctx, height)
		if err == nil && fits(w) {
			return w, nil
		}
		select {
		case <-ctx.Done():
			return w, fmt.Errorf("window %d is in %s after %s: %w", w.Height, w.Phase, within, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}
