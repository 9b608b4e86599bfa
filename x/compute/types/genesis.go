package types

import (
	"strings"

	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

// DefaultGenesis has no nodes, no apps and no jobs.
func DefaultGenesis() *GenesisState { return &GenesisState{Params: DefaultParams()} }

// Validate checks everything that can be seen without the other modules'
// state. The keeper's invariants check the sums once the state is written.
func (g GenesisState) Validate() error {
	if err := g.Params.Validate(); err != nil {
		return err
	}
	if err := g.Clock.validate(); err != nil {
		return err
	}
	nodes := map[string]bool{}
	for _, n := range g.Nodes {
		if err := n.validate(); err != nil {
			return err
		}
		if nodes[n.Address] {
			return errorsmod.Wrapf(ErrInvalidNode, "node %s is there twice", n.Address)
		}
		if now := max(g.Clock.Now(g.Clock.BlockTime), 1); g.Clock.BlockTime != 0 && n.OutageSince > now {
			return errorsmod.Wrapf(ErrInvalidNode, "node %s is out from %d on, the network's clock shows %d", n.Address, n.OutageSince, now)
		}
		nodes[n.Address] = true
	}
	if err := g.validateLedgers(nodes); err != nil {
		return err
	}
	apps := map[string]bool{}
	for _, a := range g.Apps {
		if err := a.Validate(); err != nil {
			return err
		}
		if apps[a.Id] {
			return errorsmod.Wrapf(ErrInvalidApp, "app %s is there twice", a.Id)
		}
		apps[a.Id] = true
	}
	next := map[string]uint64{}
	for _, s := range g.JobSequences {
		next[s.Customer] = s.Next
	}
	jobs := map[string]bool{}
	for _, j := range g.Jobs {
		if err := j.validate(); err != nil {
			return err
		}
		switch {
		case jobs[j.Id]:
			return errorsmod.Wrapf(ErrInvalidJob, "job %s is there twice", j.Id)
		case j.Live() && !nodes[j.Node]:
			return errorsmod.Wrapf(ErrInvalidJob, "job %s is on node %s, which is not in the genesis", j.Id, j.Node)
		case j.Sequence >= next[j.Customer]:
			return errorsmod.Wrapf(ErrInvalidJob, "job %s has sequence %d, but its customer's next is %d", j.Id, j.Sequence, next[j.Customer])
		}
		jobs[j.Id] = true
	}
	return nil
}

// validateLedgers checks what nodes promised and what is on its way out. A
// negative entry would balance the sums that the invariants compare, and cost
// somebody else his stake when it ends.
func (g GenesisState) validateLedgers(nodes map[string]bool) error {
	type entry struct {
		node, promise string
		sequence      uint64
	}
	seen := map[entry]bool{}
	for _, r := range g.Reservations {
		switch at := (entry{node: r.Node, promise: r.Promise}); {
		case !nodes[r.Node]:
			return errorsmod.Wrapf(ErrInvalidNode, "reservation %s is on node %s, which is not in the genesis", r.Promise, r.Node)
		case r.Promise == "" || seen[at]:
			return errorsmod.Wrapf(ErrInvalidNode, "node %s promised %q twice, or nothing", r.Node, r.Promise)
		case r.Stake.IsNil() || r.Stake.IsNegative():
			return errorsmod.Wrapf(ErrInvalidNode, "reservation %s has a missing or negative stake", r.Promise)
		default:
			seen[at] = true
		}
	}
	for _, u := range g.Unbondings {
		switch at := (entry{node: u.Node, sequence: u.Sequence}); {
		case seen[at]:
			return errorsmod.Wrapf(ErrInvalidNode, "unbonding %d of node %s is there twice", u.Sequence, u.Node)
		case u.Amount.IsNil() || u.Amount.IsNegative():
			return errorsmod.Wrapf(ErrInvalidNode, "unbonding %d of node %s has a missing or negative amount", u.Sequence, u.Node)
		default:
			seen[at] = true
		}
	}
	for _, s := range g.Slashes {
		if s.Amount.IsNil() || s.Amount.IsNegative() {
			return errorsmod.Wrapf(ErrInvalidNode, "slash %d of node %s has a missing or negative amount", s.Sequence, s.Node)
		}
	}
	return nil
}

// validate checks that the clock's times are some, and that the network did not
// stand still for longer than there was time.
func (c Clock) validate() error {
	for _, at := range []int64{c.BlockTime, c.Standstill, c.GraceUntil, c.GraceFrom} {
		if at < 0 || at > MaxTime {
			return errorsmod.Wrapf(ErrInvalidParams, "the clock has a time that is negative or beyond all bounds: %s", &c)
		}
	}
	if c.Standstill > c.BlockTime {
		return errorsmod.Wrapf(ErrInvalidParams, "the network stood still for longer than its clock has run: %s", &c)
	}
	return nil
}

func (n Node) validate() error {
	for _, addr := range []string{n.Address, n.Operator} {
		if _, err := sdk.AccAddressFromBech32(addr); err != nil {
			return errorsmod.Wrapf(ErrInvalidNode, "%q: %s", addr, err)
		}
	}
	if err := ValidateCompressedKey(n.Pubkey); err != nil {
		return err
	}
	if n.Stake.IsNil() || n.Stake.IsNegative() || n.Deposit.IsNil() || n.Deposit.IsNegative() || n.ReservedStake.IsNil() || n.ReservedStake.IsNegative() {
		return errorsmod.Wrapf(ErrInvalidNode, "node %s has a missing or negative stake, deposit or reserved stake", n.Address)
	}
	for _, at := range []int64{n.ReportedAt, n.SuspendedUntil, n.JailedUntil, n.OutageSince, n.UnreachableSince} {
		if at < 0 || at > MaxTime {
			return errorsmod.Wrapf(ErrInvalidNode, "node %s has a time that is negative or beyond all bounds: %d", n.Address, at)
		}
	}
	if n.OutageSeconds > MaxTime {
		return errorsmod.Wrapf(ErrInvalidNode, "node %s was out for %d seconds", n.Address, n.OutageSeconds)
	}
	if err := ValidateEndpoints(n.Endpoints); err != nil {
		return err
	}
	return n.Offer.Validate(n.Role)
}

func (j Job) validate() error {
	customer, err := sdk.AccAddressFromBech32(j.Customer)
	if err != nil {
		return errorsmod.Wrapf(ErrInvalidJob, "customer: %s", err)
	}
	if j.Payer != "" {
		if _, err := sdk.AccAddressFromBech32(j.Payer); err != nil {
			return errorsmod.Wrapf(ErrInvalidJob, "payer of job %s: %s", j.Id, err)
		}
	}
	switch {
	case strings.HasPrefix(j.Source, JobPromise("")) || (j.Source != "" && j.WantedNode != j.Node):
		return errorsmod.Wrapf(ErrInvalidJob, "job %s cannot be out of promise %q", j.Id, j.Source)
	case j.Id != JobID(customer, j.Sequence):
		return errorsmod.Wrapf(ErrInvalidJob, "id %s does not follow from the customer and sequence %d", j.Id, j.Sequence)
	case j.Status < JOB_STATUS_SCHEDULED || j.Status > JOB_STATUS_EXPIRED:
		return errorsmod.Wrapf(ErrInvalidJob, "job %s has an unknown status", j.Id)
	case j.Status == JOB_STATUS_FINISHED && j.Receipt == nil:
		return errorsmod.Wrapf(ErrInvalidJob, "job %s is finished without a receipt", j.Id)
	case j.Deadline == 0:
		return errorsmod.Wrapf(ErrInvalidJob, "job %s has no deadline", j.Id)
	}
	for _, c := range []sdk.Coin{j.MaxPrice, j.Paid, j.Refunded, j.SlotHourPrice} {
		if err := validateAmount("amounts of job "+j.Id, c, true); err != nil {
			return err
		}
	}
	if j.Paid.Amount.GT(j.MaxPrice.Amount) {
		return errorsmod.Wrapf(ErrInvalidJob, "job %s pays %s, more than its maximum price %s", j.Id, j.Paid, j.MaxPrice)
	}
	return j.Requirements.Validate()
}
