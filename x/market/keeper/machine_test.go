package keeper_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"pgregory.net/rapid"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/types"
)

// TestRandomLife drives the module with random messages, right and wrong ones,
// and random time. The fixture checks every invariant of both modules and the
// supply after each step; nothing may fail with a panic, and no money may be
// lost. Now and then the state goes through a genesis.
func TestRandomLife(t *testing.T) {
	reached := map[string]int{}
	rapid.Check(t, func(r *rapid.T) {
		s := newScene(newFixture(t))
		s.app(s.mining)
		sessions := []string{s.session}
		funder, funded, spent := s.funder("socket", funds), map[string]bool{}, int64(0)
		var jobs []string
		nodes := []sdk.AccAddress{s.node, s.other, s.account("stranger", 0)}
		s.jobPrice = jobPrice
		s.promise(s.node)
		s.promise(s.other)
		routers := []sdk.AccAddress{s.router, s.router2}
		keys := []string{"session", "second"}
		amount := func(most int64) int64 { return rapid.Int64Range(1, most).Draw(r, "amount") }
		one := func() { s.session = rapid.SampledFrom(sessions).Draw(r, "session") }
		mark := func(what string, err error) {
			if err == nil {
				reached[what]++
			}
		}
		voucher := func() types.Voucher {
			one()
			router := rapid.SampledFrom(append([]sdk.AccAddress{nil}, routers...)).Draw(r, "router")
			v := s.voucher(router, rapid.SampledFrom(nodes).Draw(r, "node"), uint64(amount(12_000_000)), uint64(rapid.IntRange(0, 40).Draw(r, "count")))
			name := rapid.SampledFrom(keys).Draw(r, "key")
			if name == "second" {
				v.KeyID = 2
			}
			g := signer{session: key(name), router: key("router"), chain: chainID}
			if router.Equals(s.router2) {
				g.router = key("router2")
			}
			return g.sign(s, v)
		}
		r.Repeat(map[string]func(*rapid.T){
			"open": func(*rapid.T) {
				var list []types.Allotment
				for _, router := range routers {
					if rapid.Bool().Draw(r, "bound") {
						list = append(list, types.Allotment{Router: router.String(), Amount: coin(amount(deposit))})
					}
				}
				m := s.opening(list...)
				m.Seconds = uint64(amount(10_000))
				res, err := atomically(s.fixture, func(ctx sdk.Context) (*types.MsgOpenSessionResponse, error) { return s.msg.OpenSession(ctx, m) })
				mark("open", err)
				if err == nil {
					sessions = append(sessions, res.Session)
				}
			},
			"open funded": func(*rapid.T) {
				m := s.opening(types.Allotment{Router: rapid.SampledFrom(routers).Draw(r, "router").String(), Amount: coin(amount(deposit))})
				m.Deposit, m.Seconds = coin(amount(deposit)), uint64(amount(10_000))
				id, err := s.openFunded(s.funding(funder, rapid.SampledFrom(nodes[:2]).Draw(r, "node")), m)
				mark("open funded", err)
				if err == nil {
					sessions, funded[id] = append(sessions, id), true
				}
			},
			"close for": func(*rapid.T) {
				one()
				mark("close for", s.closeFor(s.session))
			},
			"allot": func(*rapid.T) {
				one()
				_, err := s.topUp(0, 0, types.Allotment{Router: rapid.SampledFrom(routers).Draw(r, "router").String(), Amount: coin(amount(2_000_000))})
				mark("allot", err)
			},
			"top up": func(*rapid.T) {
				one()
				router := rapid.SampledFrom(routers).Draw(r, "router")
				_, err := atomically(s.fixture, func(ctx sdk.Context) (*types.MsgTopUpSessionResponse, error) {
					return s.msg.TopUpSession(ctx, &types.MsgTopUpSession{
						Owner: s.owner.String(), Session: s.session, Amount: coin(100_000 + amount(1_000_000)), Seconds: uint64(amount(10_000)),
						Allotments: []types.Allotment{{Router: router.String(), Amount: coin(amount(2_000_000))}},
					})
				})
				mark("top up", err)
			},
			"rotate": func(*rapid.T) {
				one()
				_, err := atomically(s.fixture, func(ctx sdk.Context) (*types.MsgRotateSessionKeyResponse, error) {
					return s.msg.RotateSessionKey(ctx, &types.MsgRotateSessionKey{Owner: s.owner.String(), Session: s.session, Key: key("second").PubKey().Bytes()})
				})
				mark("rotate", err)
			},
			"close": func(*rapid.T) {
				one()
				mark("close", s.close(rapid.SampledFrom([]sdk.AccAddress{s.owner, s.router, s.mining}).Draw(r, "sender")))
			},
			"redeem": func(*rapid.T) {
				list := make([]types.Voucher, rapid.IntRange(1, 4).Draw(r, "vouchers"))
				for i := range list {
					list[i] = voucher()
				}
				for i, answer := range s.redeem(list...) {
					if funded[list[i].Session] {
						spent += int64(answer.Paid - answer.FromCover)
					}
					switch {
					case answer.Code == types.ErrOtherNode.ABCICode():
						reached["another node"]++
					case answer.Code != 0:
						require.Zero(t, answer.Paid)
						reached["refused"]++
					case answer.FromCover > 0:
						reached["cover"]++
					default:
						reached["redeemed"]++
					}
					require.LessOrEqual(t, answer.Paid+answer.Unpaid, list[i].Amount)
				}
			},
			"cover": func(*rapid.T) {
				_, err := s.setCover(s.routing, rapid.SampledFrom(routers).Draw(r, "router"), rapid.SampledFrom(nodes).Draw(r, "node"),
					rapid.SampledFrom([]int64{0, 1_000_000, 5_000_000, 30_000_000}).Draw(r, "cover"))
				mark("set cover", err)
			},
			"unstake": func(*rapid.T) {
				_, err := atomically(s.fixture, func(ctx sdk.Context) (*computetypes.MsgUnstakeResponse, error) {
					return s.nodes.Unstake(ctx, &computetypes.MsgUnstake{Operator: s.routing.String(), Node: s.router.String(), Amount: coin(amount(20_000_000))})
				})
				mark("unstake", err)
			},
			"unjail": func(*rapid.T) {
				_, err := atomically(s.fixture, func(ctx sdk.Context) (*computetypes.MsgUnjailResponse, error) {
					return s.nodes.Unjail(ctx, &computetypes.MsgUnjail{Operator: s.routing.String(), Node: s.router.String()})
				})
				mark("unjail", err)
			},
			"slash": func(*rapid.T) {
				burned, err := s.compute.Slash(s.ctx, s.router2, coin(amount(3_000_000)).Amount, "for the test", nil)
				require.NoError(t, err)
				s.supply = s.supply.Sub(burned)
				s.check()
			},
			"collect": func(*rapid.T) {
				one()
				_, err := atomically(s.fixture, func(ctx sdk.Context) (*types.MsgCollectSharesResponse, error) {
					return s.msg.CollectShares(ctx, &types.MsgCollectShares{Sender: s.owner.String(), Router: s.router.String(), Sessions: []string{s.session}})
				})
				mark("collect", err)
			},
			"job": func(*rapid.T) {
				one()
				m := s.submission()
				m.MaxSeconds = rapid.SampledFrom([]uint64{1, 10, 1_000}).Draw(r, "run")
				m.MaxPrice = coin(rapid.SampledFrom([]int64{1, 50_000, 1_000_000}).Draw(r, "most"))
				res, err := s.submit(m)
				mark("job", err)
				if err == nil {
					jobs = append(jobs, res.Job)
				}
			},
			"end job": func(*rapid.T) {
				if len(jobs) == 0 {
					return
				}
				_, err := atomically(s.fixture, func(ctx sdk.Context) (*computetypes.MsgCancelJobResponse, error) {
					return s.nodes.CancelJob(ctx, &computetypes.MsgCancelJob{Customer: s.owner.String(), Job: rapid.SampledFrom(jobs).Draw(r, "job")})
				})
				mark("job cancelled", err)
			},
			"gift": func(*rapid.T) {
				one()
				require.NoError(t, s.bank.SendCoins(s.ctx, s.mining, types.SessionEscrow(s.session), sdk.NewCoins(coin(amount(1_000)))))
			},
			"time": func(*rapid.T) {
				s.pass(rapid.SampledFrom([]int64{1, 60, 1_000, 5_000, 8 * 86_400}).Draw(r, "seconds"))
			},
			"genesis": func(*rapid.T) { s.throughGenesis() },
		})
		for _, id := range sessions {
			if q, err := s.query.Session(s.ctx, &types.QuerySessionRequest{Session: id}); err == nil {
				require.NotEqual(t, "unknown", q.State)
				reached[types.StatusWord(q.Session.Status)]++
			}
		}
		s.comesBack(funder, funded, spent)
	})
	for _, what := range []string{"open", "open funded", "close for", "another node", "allot", "top up", "rotate", "close", "redeemed", "refused", "cover", "set cover", "collect", "job", "job cancelled", "closing", "last", "settled"} {
		if reached[what] == 0 {
			t.Errorf("no life reached %q: the test shows less than it says (%v)", what, reached)
		}
	}
}

// throughGenesis exports the module, empties it, and imports it again: the
// export that follows must be the same.
func (s *scene) throughGenesis() {
	s.t.Helper()
	state, err := s.k.ExportGenesis(s.ctx)
	require.NoError(s.t, err)
	require.NoError(s.t, state.Validate())
	s.empty()
	require.NoError(s.t, s.k.InitGenesis(s.ctx, state))
	again, err := s.k.ExportGenesis(s.ctx)
	require.NoError(s.t, err)
	require.Equal(s.t, state, again)
	s.check()
}

// empty removes everything that the module keeps.
func (s *scene) empty() {
	s.t.Helper()
	for _, clear := range []func() error{
		func() error { return s.k.Sessions.Clear(s.ctx, nil) }, func() error { return s.k.SessionSequences.Clear(s.ctx, nil) },
		func() error { return s.k.SessionsByRouter.Clear(s.ctx, nil) }, func() error { return s.k.Lanes.Clear(s.ctx, nil) },
		func() error { return s.k.Covers.Clear(s.ctx, nil) }, func() error { return s.k.CoversByNode.Clear(s.ctx, nil) },
		func() error { return s.k.Evidence.Clear(s.ctx, nil) }, func() error { return s.k.SessionJobs.Clear(s.ctx, nil) },
		func() error { return s.k.Agenda.Clear(s.ctx, nil) },
	} {
		require.NoError(s.t, clear())
	}
}
