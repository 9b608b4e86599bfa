// Package doctor examines everything that a job needs on this machine, and says
// for each thing that is missing what to do about it.
package doctor

import (
	"context"
	"time"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/identity"
	"github.com/edgematrix/emc/worker/config"
	"github.com/edgematrix/emc/worker/home"
	"github.com/edgematrix/emc/worker/runtime"
)

// Verdict is the outcome of one check.
type Verdict string

// The verdicts. Todo is a step that comes later, such as the registration.
const (
	OK   Verdict = "ok"
	Todo Verdict = "todo"
	Fail Verdict = "FAIL"
)

// Finding is what one check found.
type Finding struct {
	Check   string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	// Words say what was found and, unless all is well, what to do.
	Words string `json:"words"`
	// Seconds that the check took.
	Seconds float64 `json:"seconds"`
}

// Patient is what is examined.
type Patient struct {
	Home home.Home
	// Config and Identity are read from Home by Examine.
	Environ  []string
	Runtimes func(config.Config) (map[string]runtime.Runtime, error)
	Chain    func(config.Config) (*chainclient.Client, error)
	Now      func() time.Time

	config   config.Config
	identity identity.Identity
	chain    *chainclient.Client
	head     chainclient.Head
}

type check struct {
	name string
	// needs must have succeeded before.
	needs []string
	run   func(ctx context.Context, p *Patient) (Verdict, string)
}

// Examine runs every check and tells each finding as it comes. Healthy is
// false when one of them failed.
func Examine(ctx context.Context, p Patient, tell func(Finding)) (healthy bool) {
	if p.Now == nil {
		p.Now = time.Now
	}
	passed := map[string]bool{}
	healthy = true
	for _, c := range checks() {
		begin := time.Now()
		verdict, words := OK, ""
		for _, need := range c.needs {
			if !passed[need] {
				verdict, words = Fail, "cannot be checked before: "+need
			}
		}
		if verdict == OK {
			verdict, words = c.run(ctx, &p)
		}
		passed[c.name] = verdict == OK
		healthy = healthy && verdict != Fail
		tell(Finding{Check: c.name, Verdict: verdict, Words: words, Seconds: time.Since(begin).Seconds()})
		if ctx.Err() != nil {
			return false
		}
	}
	return healthy
}
