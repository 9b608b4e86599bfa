package types

// Outages are the chain's own evidence that a node could not deliver. A node is
// out while it is jailed, has not reported within online_seconds, does not answer
// the validators' probes, or has less proven power than it promised. All of it is counted by the network's clock, in
// which a standstill of the network takes no time.

// MaxTime bounds times and spans in a genesis, in seconds: sums of them never
// overflow.
const MaxTime = 1 << 40

// offlineFrom is when a node that has reported is no longer online. Nobody is
// blamed for a report that became due while the network stood still, nor in the
// grace in which everybody finds it again: who is not back by its end is out
// from then on.
func (n Node) offlineFrom(p Params, c Clock) int64 {
	until := n.OnlineUntil(p)
	if c.GraceFrom < until && until < c.GraceUntil {
		return c.GraceUntil
	}
	return until
}

func (n Node) offline(p Params, c Clock, now int64) bool {
	return !n.Reports(p, c, now) || n.UnreachableSince != 0
}

// Reports tells whether the node says that it is there, whoever reaches it.
func (n Node) Reports(p Params, c Clock, now int64) bool {
	return n.ReportedAt != 0 && now < n.offlineFrom(p, c)
}

// shortOfPower: the node has promised more than it has proven.
func (n Node) shortOfPower() bool { return n.Power < n.ReservedPower }

// outSince is when a node went offline whose outage nobody has noted yet. It was
// taken to be online until its wake-up, also when online_seconds was lowered
// meanwhile: its last report was answered with that time.
func (n Node) outSince(p Params, c Clock) int64 {
	return max(n.offlineFrom(p, c), n.Listing.WakeAt, 1)
}

// NoteOutage begins or ends the node's outage as its state says at this time.
// What time alone began is noted as of when it began, not of when somebody
// looked. Who is about to change reported_at notes first: it tells that time.
func (n *Node) NoteOutage(p Params, c Clock, now int64) {
	offline := n.offline(p, c, now)
	switch out := offline || n.Jailed || n.shortOfPower(); {
	case out && n.OutageSince == 0:
		n.OutageSince = max(now, 1)
		if offline && n.ReportedAt != 0 {
			n.OutageSince = min(n.OutageSince, n.outSince(p, c))
		}
	case !out && n.OutageSince != 0:
		n.OutageSeconds += uint64(max(now-n.OutageSince, 0))
		n.OutageSince = 0
	}
}

// Outage is how long the node has been out in all, in seconds, with the outage
// that runs now, whether it is noted yet or not. It never falls while the node
// exists.
func (n Node) Outage(p Params, c Clock, now int64) uint64 {
	since := n.OutageSince
	if since == 0 && n.ReportedAt != 0 {
		since = n.outSince(p, c)
	}
	if since == 0 {
		return n.OutageSeconds
	}
	return n.OutageSeconds + uint64(max(now-since, 0))
}
