package keeper

import "github.com/edgematrix/emc/x/compute/types"

// How each end of a job changes its node's record. They run within the write
// that frees the slot.

func markCompleted(n *types.Node) { n.Reputation.JobsCompleted++ }

func markFailed(n *types.Node) { n.Reputation.JobsFailed++ }

func markInputsMissing(n *types.Node) { n.Reputation.InputsMissing++ }

// markMissedStart takes the node out of the index for a time that doubles with
// each missed start in a row: a dead node may cost a few customers a minute,
// not every customer of the day.
func markMissedStart(p types.Params, at int64) func(*types.Node) {
	return func(n *types.Node) {
		n.Reputation.StartsMissed++
		suspend(p, at, n)
	}
}

// markDeclined counts and suspends as a missed start does: otherwise a node
// could name a low price and pick its jobs.
func markDeclined(p types.Params, at int64) func(*types.Node) {
	return func(n *types.Node) {
		n.Reputation.JobsDeclined++
		suspend(p, at, n)
	}
}

func suspend(p types.Params, at int64, n *types.Node) {
	span := p.MissedStartSeconds << min(n.MissedInRow, 32)
	n.MissedInRow++
	n.SuspendedUntil = at + int64(min(span, p.MaxSuspensionSeconds))
}

func markStarted(n *types.Node) { n.MissedInRow, n.SuspendedUntil = 0, 0 }
