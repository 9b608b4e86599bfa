package keeper_test

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"pgregory.net/rapid"

	"github.com/cosmos/cosmos-sdk/contrib/x/nft"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/socket/types"
)

// sale is what the test itself remembers of a first sale.
type sale struct {
	outage    uint64 // of the node, when it was sold
	at, until int64
}

// refund is what the evidence says, worked out apart from the module.
func (s sale) refund(price, used, missed *big.Int, outage uint64) *big.Int {
	validity := max(s.until-s.at, 1)
	out := min(outage-s.outage, uint64(validity))
	due := new(big.Int).Mul(price, new(big.Int).SetUint64(out))
	due.Quo(due, big.NewInt(validity)).Add(due, missed)
	if unused := new(big.Int).Sub(price, used); due.Cmp(unused) > 0 {
		return unused
	}
	return due
}

// TestRandomLife drives sockets with random messages, right and wrong ones, random
// time, and a node that goes and comes. Every step checks the invariants of all
// modules and the supply; in the end every socket's money is where the evidence
// says, to the last uemc.
func TestRandomLife(t *testing.T) {
	reached := map[string]int{}
	rapid.Check(t, func(r *rapid.T) {
		f := newFixture(t)
		people := []sdk.AccAddress{f.miner, f.alice, f.bob}
		var ids []string
		sales := map[string]sale{}
		mark := func(what string, err error) bool {
			if err == nil {
				reached[what]++
			}
			return err == nil
		}
		one := func() string {
			if len(ids) == 0 {
				r.Skip("no socket yet")
			}
			return rapid.SampledFrom(ids).Draw(r, "socket")
		}
		who := func() sdk.AccAddress { return rapid.SampledFrom(people).Draw(r, "who") }
		price := func() int64 { return rapid.Int64Range(emc/10, 40*emc).Draw(r, "price") }
		// Most try what they may: the owner acts.
		owner := func(id string) sdk.AccAddress {
			if rapid.IntRange(0, 9).Draw(r, "stranger") == 0 {
				return who()
			}
			v := f.shown(id).View
			return sdk.MustAccAddressFromBech32(v.Owner)
		}
		r.Repeat(map[string]func(*rapid.T){
			"mint": func(*rapid.T) {
				m := f.minting(rapid.Uint32Range(1, 3).Draw(r, "slots"), 0)
				m.Seconds = rapid.Uint64Range(3600, 3*day).Draw(r, "seconds")
				if rapid.Bool().Draw(r, "ask") {
					m.Ask = coin(price())
				}
				id, err := f.tryMint(m)
				if mark("mint", err) {
					ids = append(ids, id)
				}
			},
			"list":   func(*rapid.T) { id := one(); mark("list", f.list(owner(id), id, price())) },
			"delist": func(*rapid.T) { id := one(); mark("delist", f.delist(owner(id), id)) },
			"buy": func(*rapid.T) {
				id := one()
				first := !f.load(id).Sold()
				if !mark("buy", f.buy(who(), id, price())) || !first {
					return
				}
				outage, err := f.compute.Outage(f.ctx, f.node)
				require.NoError(t, err)
				s := f.load(id)
				sales[id] = sale{outage, s.SoldAt, s.ExpiresAt}
			},
			"plug":   func(*rapid.T) { id := one(); _, err := f.plug(owner(id), id); mark("plug", err) },
			"unplug": func(*rapid.T) { id := one(); mark("unplug", f.unplug(owner(id), id)) },
			"burn": func(*rapid.T) {
				if id := one(); rapid.IntRange(0, 4).Draw(r, "really") == 0 {
					mark("burn", f.burn(owner(id), id))
				}
			},
			"split": func(*rapid.T) {
				id := one()
				part, err := f.split(owner(id), id, rapid.Uint32Range(1, 3).Draw(r, "slots"))
				if mark("split", err) {
					ids = append(ids, part)
					if s, sold := sales[id]; sold {
						sales[part] = s
					}
				}
			},
			"send": func(*rapid.T) {
				id, to := one(), who()
				from := owner(id)
				_, err := atomically(f, func(ctx sdk.Context) (*nft.MsgSendResponse, error) {
					return f.nft.Send(ctx, &nft.MsgSend{ClassId: types.ClassID(f.miner.String()), Id: id, Sender: from.String(), Receiver: to.String()})
				})
				mark("send", err)
			},
			"job": func(*rapid.T) {
				id := one()
				if s := f.load(id); s.Session != "" {
					_, err := f.job(owner(id), s.Session, rapid.Uint64Range(60, 7200).Draw(r, "run"), rapid.Int64Range(1, 5*emc).Draw(r, "most"))
					mark("job", err)
				}
			},
			"power": func(*rapid.T) {
				require.NoError(t, f.compute.SetPower(f.ctx, f.node, rapid.Uint64Range(0, 4).Draw(r, "E")*types.MicroE))
				f.check()
			},
			"jail": func(*rapid.T) {
				if rapid.IntRange(0, 3).Draw(r, "really") == 0 {
					now, err := f.compute.Now(f.ctx)
					require.NoError(t, err)
					_ = f.compute.Jail(f.ctx, f.node, now+rapid.Int64Range(1, day).Draw(r, "jail"), "test")
					f.check()
				}
			},
			"time": func(*rapid.T) {
				f.pass(rapid.Int64Range(1, 7200).Draw(r, "seconds"), rapid.IntRange(0, 3).Draw(r, "online") > 0)
				live := ids[:0]
				for _, id := range ids {
					if s, err := f.k.Socket(f.ctx, id); err == nil && s.Status != types.SOCKET_STATUS_SETTLED {
						live = append(live, id)
					} else {
						f.judge(id, sales)
						reached["settled"]++
					}
				}
				ids = live
			},
		})
		f.pass(3*day+2*3600, true)
		for _, id := range ids {
			f.judge(id, sales)
		}
		n, err := f.compute.Node(f.ctx, f.node)
		require.NoError(t, err)
		require.Zero(t, n.ReservedSlots, "nothing is promised any more")
	})
	for _, what := range []string{"mint", "list", "delist", "buy", "plug", "unplug", "burn", "split", "send", "job", "settled"} {
		if reached[what] == 0 {
			t.Errorf("%s never succeeded", what)
		}
	}
	t.Log(reached)
}

// judge holds a settled socket against what the test remembers.
func (f *fixture) judge(id string, sales map[string]sale) {
	f.t.Helper()
	s := f.load(id)
	require.Equal(f.t, types.SOCKET_STATUS_SETTLED, s.Status, id)
	require.Zero(f.t, f.balance(types.SocketEscrow(id)))
	require.Equal(f.t, s.Price.String(), s.Used.Add(s.Refunded).Add(s.Paid).String(), "money in is money out")
	remembered, sold := sales[id]
	require.Equal(f.t, sold, s.Sold())
	if sold {
		want := remembered.refund(s.Price.BigInt(), s.Used.BigInt(), s.Failed.BigInt(), remembered.outage+s.Outage)
		require.Equal(f.t, want.String(), s.Refunded.BigInt().String(), "the refund is what the evidence says")
	}
}
