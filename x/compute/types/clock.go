package types

// MaxBlockGap is how long a block may take, in seconds. What two blocks lie
// further apart is a standstill of the network and counts for nobody. Not more,
// or a halt would eat up the shortest of deadlines; not less, or a slow network
// would stand still for ever.
const MaxBlockGap = 10

// Now is the network's time at a block time, both in Unix seconds.
func (c Clock) Now(blockTime int64) int64 { return blockTime - c.Standstill }

// Next is the clock at the next block. After a standstill nothing ends by
// itself for grace seconds.
func (c Clock) Next(blockTime int64, grace uint64) Clock {
	if blockTime < c.BlockTime {
		return c // a chain that begins anew from an older day: its clock waits
	}
	before := c.Now(c.BlockTime)
	lost := blockTime - c.BlockTime - MaxBlockGap
	if c.BlockTime != 0 && lost > 0 {
		c.Standstill += lost
		// Not renewed in the block in which it ends: however slow the network is,
		// the agenda gets a turn after each grace.
		if before >= c.GraceUntil {
			c.GraceFrom, c.GraceUntil = before, c.Now(blockTime)+int64(grace)
		}
	}
	c.BlockTime = blockTime
	return c
}

// Outside is a time of the network's clock as block time, as people and
// daemons outside read it; 0 stays "never". While the network stands still
// again, it moves along.
func (c Clock) Outside(at int64) int64 {
	if at == 0 {
		return 0
	}
	return at + c.Standstill
}

// Job is the job with its times in block time.
func (c Clock) Job(j Job) Job {
	j.Deadline = c.Outside(j.Deadline)
	return j
}

// Node is the node with its times in block time.
func (c Clock) Node(n Node) Node {
	n.ReportedAt = c.Outside(n.ReportedAt)
	n.SuspendedUntil = c.Outside(n.SuspendedUntil)
	n.JailedUntil = c.Outside(n.JailedUntil)
	n.Listing.WakeAt = c.Outside(n.Listing.WakeAt)
	n.OutageSince = c.Outside(n.OutageSince)
	n.UnreachableSince = c.Outside(n.UnreachableSince)
	return n
}

// Unbonding is the unbonding with its times in block time.
func (c Clock) Unbonding(u Unbonding) Unbonding {
	u.CompletesAt = c.Outside(u.CompletesAt)
	return u
}
