package onchain

import (
	"context"
	"fmt"
	"time"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/x/market/types"
)

// Opening is a session that its owner, whose key is the signer, wants.
type Opening struct {
	Deposit    uint64 // uemc
	Key        receipt.PublicKey
	Allotments []Allotment   // together at most the deposit
	Life       time.Duration // until it ends by itself, in whole seconds
}

// Allotment is what a router may vouch for, uemc.
type Allotment struct {
	Router receipt.Address
	Amount uint64
}

// Open pays the deposit, and returns the session when it stands in a block.
func (c *Chain) Open(ctx context.Context, o Opening) (session.Info, error) {
	m := &types.MsgOpenSession{Deposit: coin(o.Deposit), Key: o.Key.Bytes(), Seconds: uint64(o.Life / time.Second)}
	for _, a := range o.Allotments {
		m.Allotments = append(m.Allotments, types.Allotment{Router: a.Router.String(), Amount: coin(a.Amount)})
	}
	var answer types.MsgOpenSessionResponse
	if err := c.send(ctx, &answer, func(owner string) sdk.Msg { m.Owner = owner; return m }); err != nil {
		return session.Info{}, err
	}
	id, err := receipt.ParseSessionID(answer.Session)
	if err != nil {
		return session.Info{}, fmt.Errorf("the chain calls the session %q: %w", answer.Session, err)
	}
	return c.Session(ctx, id)
}

// Close begins to close a session, and returns until when vouchers are redeemed. The owner, a bound router or its
// operator may.
func (c *Chain) Close(ctx context.Context, id receipt.SessionID) (time.Time, error) {
	var answer types.MsgCloseSessionResponse
	err := c.send(ctx, &answer, func(sender string) sdk.Msg { return &types.MsgCloseSession{Sender: sender, Session: id.String()} })
	return time.Unix(answer.RedeemedUntil, 0), err
}

func coin(uemc uint64) sdk.Coin { return types.Uemc(math.NewIntFromUint64(uemc)) }

// Record shows on the chain that a receipt stands in the settled tree of its lane: evidence for audits. The chain asks a
// fee for the place that it takes.
func (c *Chain) Record(ctx context.Context, r receipt.Receipt, node receipt.PublicKey, path receipt.Path) error {
	data, err := r.MarshalBinary()
	if err != nil {
		return err
	}
	m := &types.MsgRecordReceipt{Receipt: data, NodeKey: node.Bytes()}
	for _, hash := range path {
		m.Path = append(m.Path, hash[:])
	}
	return c.send(ctx, new(types.MsgRecordReceiptResponse), func(sender string) sdk.Msg { m.Sender = sender; return m })
}
