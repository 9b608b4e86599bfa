package types

import (
	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/receipt"
)

// maxSource bounds the name of a promise: it is kept with each session and each of its jobs.
const maxSource = 128

// Funding is what another module opens a session with: its money instead of
// the owner's, for the services of one node.
type Funding struct {
	// Funder is the derived address that pays the deposit, and gets back what is left.
	Funder sdk.AccAddress
	// Source is the promise of the node, in x/compute's ledger, that the session uses.
	Source string
	// SlotHourPrice of the session's jobs, as agreed with the node; 0uemc is a price, too.
	SlotHourPrice sdk.Coin
	// Node is the only one that calls and jobs are paid to.
	Node sdk.AccAddress
}

// Validate checks what can be checked without the state.
func (f Funding) Validate() error {
	if err := sdk.VerifyAddressFormat(f.Funder); err != nil {
		return errorsmod.Wrapf(ErrInvalidSession, "funder: %s", err)
	}
	if _, err := parseNode(f.Node.String()); err != nil {
		return err
	}
	if f.Source == "" || len(f.Source) > maxSource {
		return errorsmod.Wrapf(ErrInvalidSession, "a source has between 1 and %d characters, got %d", maxSource, len(f.Source))
	}
	for _, c := range []byte(f.Source) {
		if c <= ' ' || c > '~' {
			return errorsmod.Wrapf(ErrInvalidSession, "source %q: only printable characters, no spaces", f.Source)
		}
	}
	return validateAmount("slot_hour_price", f.SlotHourPrice, true)
}

// Bind writes the funding into a session.
func (f Funding) Bind(s *Session) {
	price := f.SlotHourPrice
	s.Funder, s.Source, s.SlotHourPrice, s.Node = f.Funder.String(), f.Source, &price, f.Node.String()
}

// parseNode parses the node of a funded session: in the one spelling that vouchers have, as it is compared with theirs.
func parseNode(node string) (sdk.AccAddress, error) {
	a, err := receipt.ParseAddress(node)
	if err == nil && !a.IsZero() {
		return a[:], nil
	}
	return nil, errorsmod.Wrapf(ErrInvalidSession, "node %.100q is no node's address", node)
}

// Funded says whether another module paid the deposit.
func (s Session) Funded() bool { return s.Funder != "" }

// CheckNode refuses a node that the session is not for.
func (s Session) CheckNode(node string) error {
	if s.Node != "" && s.Node != node {
		return errorsmod.Wrapf(ErrOtherNode, "session %s pays node %s alone, not %s; open a session of your own", s.Id, s.Node, node)
	}
	return nil
}

// validateFunding checks the form of a stored session's funding: all of it, or nothing.
func (s Session) validateFunding() error {
	if !s.Funded() {
		if s.Source != "" || s.SlotHourPrice != nil || s.Node != "" {
			return errorsmod.Wrap(ErrInvalidSession, "it has a source, a price or a node, and no funder")
		}
		return nil
	}
	if s.SlotHourPrice == nil {
		return errorsmod.Wrap(ErrInvalidSession, "the price of a funded session's jobs is missing")
	}
	funder, err := Address("funder", s.Funder, ErrInvalidSession)
	if err != nil {
		return err
	}
	node, err := parseNode(s.Node)
	if err != nil {
		return err
	}
	return Funding{Funder: funder, Source: s.Source, SlotHourPrice: *s.SlotHourPrice, Node: node}.Validate()
}
