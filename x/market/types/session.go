package types

import (
	"bytes"
	"fmt"
	"strings"

	"cosmossdk.io/math"

	"github.com/edgematrix/emc/pkg/amount"
)

// StatusWord is a status as people write it.
func StatusWord(s SessionStatus) string {
	return strings.ToLower(strings.TrimPrefix(s.String(), "SESSION_STATUS_"))
}

// Allotted is the part of the deposit that belongs to the routers' vouchers.
func (s Session) Allotted() math.Int {
	sum := math.ZeroInt()
	for _, r := range s.Routers {
		sum = sum.Add(r.Allotment)
	}
	return sum
}

// Left is what would go back to the owner, or to the funder, if nothing else were redeemed.
func (s Session) Left() math.Int {
	left := s.Deposit.Sub(s.Direct).Sub(s.Held).Sub(s.Jobs).Sub(s.Refunded)
	for _, r := range s.Routers {
		left = left.Sub(r.Redeemed)
	}
	return left
}

// Free is what pays for jobs, and for vouchers without a router: what is not
// allotted, and in the end all that is left.
func (s Session) Free() math.Int {
	if s.Status == SESSION_STATUS_LAST || s.Status == SESSION_STATUS_SETTLED {
		return s.Left()
	}
	return s.Deposit.Sub(s.Allotted()).Sub(s.Direct).Sub(s.Held).Sub(s.Jobs)
}

// Earned is what the routers and the validators have not collected yet.
func (s Session) Earned() math.Int {
	sum := s.Fees
	for _, r := range s.Routers {
		sum = sum.Add(r.Earned)
	}
	return sum
}

// Owed is what the session's escrow must hold.
func (s Session) Owed() math.Int { return s.Left().Add(s.Earned()) }

// Router finds a bound router; nil when it is not bound.
func (s *Session) Router(router string) *Sequencer {
	for i := range s.Routers {
		if s.Routers[i].Router == router {
			return &s.Routers[i]
		}
	}
	return nil
}

// KeyAt finds a session key by its number. A retired one counts before its time
// is over, and only for vouchers that a router co-signed: the owner replaced it
// because it may be in other hands, and the router stopped to co-sign for it.
func (s Session) KeyAt(id uint32, now int64, cosigned bool) ([]byte, error) {
	if id == s.KeyId {
		return s.Key, nil
	}
	for _, old := range s.RetiredKeys {
		if old.KeyId != id {
			continue
		}
		if !cosigned {
			return nil, fmt.Errorf("key %d was replaced: vouchers under it count with a router's signature only", id)
		}
		if now >= old.ValidUntil {
			return nil, fmt.Errorf("key %d was replaced, and its time is over", id)
		}
		return old.Key, nil
	}
	return nil, fmt.Errorf("the session has no key %d, its key is number %d", id, s.KeyId)
}

// Words tells a session's state to a person. Deadline is in block time.
func (s Session) Words(now int64) string {
	left := amount.Format(Uemc(s.Left()))
	in := func(at int64) string { return fmt.Sprintf("in %d s", max(at-now, 0)) }
	to, bound := "the owner", ""
	if s.Funded() {
		to, bound = s.Source, fmt.Sprintf("; funded by %s, for node %s alone", s.Source, s.Node)
	}
	switch s.Status {
	case SESSION_STATUS_OPEN:
		return fmt.Sprintf("open: %s of %s are left; it expires %s%s", left, amount.Format(Uemc(s.Deposit)), in(s.Deadline), bound)
	case SESSION_STATUS_CLOSING:
		return fmt.Sprintf("closing (%s): what routers co-signed is redeemed until %s; %s are left%s", s.Reason, in(s.Deadline), left, bound)
	case SESSION_STATUS_LAST:
		return fmt.Sprintf("closing (%s): vouchers without a router are redeemed; the rest, %s so far, goes back to %s %s", s.Reason, left, to, in(s.Deadline))
	case SESSION_STATUS_SETTLED:
		words := fmt.Sprintf("settled (%s): %s went back to %s", s.Reason, amount.Format(Uemc(s.Refunded)), to)
		if s.Held.IsPositive() {
			words += fmt.Sprintf("; %s are with jobs that still run", amount.Format(Uemc(s.Held)))
		}
		return words
	}
	return "unknown"
}

// UsedKey is the number of a key that the session has or had; 0 for a new one.
func (s Session) UsedKey(key []byte) uint32 {
	if bytes.Equal(s.Key, key) {
		return s.KeyId
	}
	for _, old := range s.RetiredKeys {
		if bytes.Equal(old.Key, key) {
			return old.KeyId
		}
	}
	return 0
}

// AnyKey is a key that the session has or had; nil for a number that it never had.
func (s Session) AnyKey(id uint32) []byte {
	if id == s.KeyId {
		return s.Key
	}
	for _, old := range s.RetiredKeys {
		if old.KeyId == id {
			return old.Key
		}
	}
	return nil
}
