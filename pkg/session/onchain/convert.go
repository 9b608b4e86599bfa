package onchain

import (
	"fmt"
	"time"

	"cosmossdk.io/math"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/x/market/types"
)

// Info is a session of the chain as the parties see it. Its times are in block time, as queries answer them.
func Info(s types.Session) (session.Info, error) {
	id, err := receipt.ParseSessionID(s.Id)
	if err != nil {
		return session.Info{}, err
	}
	key, err := receipt.ParsePublicKey(s.Key)
	if err != nil {
		return session.Info{}, fmt.Errorf("session %s: %w", s.Id, err)
	}
	node, err := receipt.ParseAddress(s.Node)
	if err != nil {
		return session.Info{}, fmt.Errorf("session %s, its node: %w", s.Id, err)
	}
	info := session.Info{
		ID: id, Open: s.Status == types.SESSION_STATUS_OPEN, Pays: s.Status != types.SESSION_STATUS_SETTLED,
		Key: key, KeyID: s.KeyId, ExpiresAt: time.Unix(s.ExpiresAt, 0), Free: number(s.Free()), Node: node,
	}
	for _, r := range s.Routers {
		key, err := receipt.ParsePublicKey(r.Pubkey)
		if err != nil {
			return session.Info{}, fmt.Errorf("session %s, router %s: %w", s.Id, r.Router, err)
		}
		info.Routers = append(info.Routers, session.Router{Key: key, Allotment: number(r.Allotment)})
	}
	return info, nil
}

// number is an amount in uemc. What a voucher could not say is as good as its highest amount.
func number(i math.Int) uint64 {
	if i.IsNegative() {
		return 0
	}
	return math.MinInt(i, math.NewIntFromUint64(receipt.MaxNumber)).Uint64()
}

// Answers are the chain's answers to vouchers as a redeemer understands them.
func Answers(redemptions []types.Redemption) []session.Redemption {
	out := make([]session.Redemption, len(redemptions))
	for i, r := range redemptions {
		out[i] = session.Redemption{Outcome: outcome(r), Paid: r.Paid, Unpaid: r.Unpaid, Reason: r.Error}
	}
	return out
}

func outcome(r types.Redemption) session.Outcome {
	switch {
	case r.Code == 0:
		return session.Redeemed
	case r.Codespace != types.ModuleName:
		return session.Refused
	}
	switch r.Code {
	case types.ErrStale.ABCICode():
		return session.Stale
	case types.ErrWrongStatus.ABCICode(), types.ErrSessionNotFound.ABCICode(), types.ErrOtherNode.ABCICode():
		return session.Void
	}
	return session.Refused
}
