package types

import "math/big"

// Parts are what one redemption pays, in uemc.
type Parts struct {
	Node, Protocol, Router uint64
}

// Split divides an amount that a lane redeems from its session. Shares are
// rounded down, and what they were rounded by is carried to the lane's next
// redemption: who redeems often pays the same as who redeems once.
func (l *Lane) Split(p Params, amount uint64) Parts {
	var out Parts
	out.Protocol, l.ProtocolCarry = share(amount, p.ProtocolShare, l.ProtocolCarry)
	if l.Router != "" {
		out.Router, l.RouterCarry = share(amount, p.RouterShare, l.RouterCarry)
	}
	// Both carries together can make the shares of a tiny amount greater than it; a share by itself, at most 30 %, cannot.
	if rest := amount - out.Protocol; out.Router > rest {
		l.RouterCarry += uint32(out.Router-rest) * ShareScale
		out.Router = rest
	}
	out.Node = amount - out.Protocol - out.Router
	return out
}

// share is (amount × parts + carry) / ShareScale, and what is left.
func share(amount uint64, parts, carry uint32) (uint64, uint32) {
	n := new(big.Int).SetUint64(amount)
	n.Mul(n, big.NewInt(int64(parts))).Add(n, big.NewInt(int64(carry)))
	rest := new(big.Int)
	n.DivMod(n, big.NewInt(ShareScale), rest)
	return n.Uint64(), uint32(rest.Uint64())
}
