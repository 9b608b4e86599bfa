package jobclient

import (
	"fmt"
	"strings"
	"unicode"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/x/compute/types"
)

// Summary is what a job came to, for programs. Amounts are in uemc with their unit.
type Summary struct {
	Job    string `json:"job"`
	App    string `json:"app"`
	Node   string `json:"node"`
	Status string `json:"status"`
	Tx     struct {
		Submit string `json:"submit"`
		Accept string `json:"accept,omitempty"`
	} `json:"tx"`
	Price  string `json:"price"`
	Refund string `json:"refund"`
	Fees   string `json:"fees"`
	// ExitCode is there when the program ended by itself.
	ExitCode *int32 `json:"exit_code,omitempty"`
	// Reason why the run ended: exited, deadline, memory, output, worker; or, without a run, the chain's words.
	Reason    string     `json:"reason"`
	Verified  bool       `json:"verified"`
	OutputDir string     `json:"output_dir,omitempty"`
	Outputs   []job.File `json:"outputs"`
}

func uemc(n math.Int) string { return types.Uemc(n).String() }

func people(n math.Int) string { return amount.Format(sdk.Coin{Denom: types.Denom, Amount: n}) }

// Summarize tells what is known of a job on this machine.
func (c *Client) Summarize(rec *Record) Summary {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := Summary{
		Job: rec.ID, App: rec.App, Node: rec.Node, Status: rec.Status, Reason: rec.Reason, Verified: rec.Fetched,
		Price: uemc(rec.Price), Refund: uemc(rec.Refund), Fees: uemc(rec.Fees), Outputs: []job.File{},
	}
	s.Tx.Submit, s.Tx.Accept = rec.SubmitTx, rec.AcceptTx
	if rec.Receipt != nil {
		s.Reason = rec.Receipt.Reason
		if rec.Receipt.Reason == job.ReasonExited {
			code := rec.Receipt.ExitCode
			s.ExitCode = &code
		}
	}
	return s
}

// sayEnd prints how the run ended; what to do about a failure is said last, with the error.
func (c *Client) sayEnd(rec *Record) {
	if rec.Receipt == nil {
		return
	}
	how := "stopped, " + rec.Receipt.Reason
	if rec.Receipt.Reason == job.ReasonExited {
		how = fmt.Sprintf("exit code %d", rec.Receipt.ExitCode)
	}
	c.Console.Say("Ended after %.1f s: %s.", float64(rec.Receipt.WallMillis)/1000, how)
}

// sayCost prints what a closed job cost.
func (c *Client) sayCost(rec *Record) {
	c.Console.Say("Cost: %s, plus %s of transaction fees. %s came back.", people(rec.Price), people(rec.Fees), people(rec.Refund))
}

// sayMessage prints what the worker says of the run: why an image could not be
// started, or which files are not among the outputs. They are a stranger's
// words, so nothing in them may steer the terminal.
func (c *Client) sayMessage(r job.Result) {
	plain := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, r.Message)
	if plain = strings.TrimSpace(plain); plain != "" {
		c.Console.Say("The worker says: %s.", strings.TrimSuffix(plain, "."))
	}
}

// sayOutputs prints where the outputs are.
func (c *Client) sayOutputs(dir string, r job.Result) {
	if len(r.Outputs) == 0 {
		c.Console.Say("The program wrote no outputs.")
		return
	}
	c.Console.Say("Outputs in %s:", dir)
	const most = 20
	for i, f := range r.Outputs {
		if i == most {
			c.Console.Say("  … and %d more", len(r.Outputs)-most)
			return
		}
		c.Console.Say("  %s  %s", f.Path, bytesWord(f.Size))
	}
}
