package keeper_test

import (
	"errors"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/address"

	"github.com/edgematrix/emc/pkg/escrow"
	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/market/types"
)

// funds of a funder of tests.
const funds = 100_000_000

// What an hour of a funded session's jobs costs, in uemc: another price than the nodes'. At the
// low one a job of weeks costs no more than the least fee.
const (
	jobPrice = 1_800_000
	lowPrice = 1
)

// funder is another module's derived address with money, and without an account.
func (f *fixture) funder(name string, uemc int64) sdk.AccAddress {
	f.t.Helper()
	addr := sdk.AccAddress(address.Module("socket", []byte(name)))
	coins := sdk.NewCoins(coin(uemc))
	require.NoError(f.t, f.bank.MintCoins(f.ctx, "faucet", coins))
	require.NoError(f.t, f.bank.SendCoinsFromModuleToAccount(escrow.To(f.ctx, addr), "faucet", addr, coins))
	f.supply = f.supply.AddRaw(uemc)
	return addr
}

func (s *scene) funding(funder, node sdk.AccAddress) types.Funding {
	return types.Funding{Funder: funder, Source: "socket/7", SlotHourPrice: coin(s.jobPrice), Node: node}
}

func (s *scene) openFunded(f types.Funding, m *types.MsgOpenSession) (string, error) {
	s.t.Helper()
	return atomically(s.fixture, func(ctx sdk.Context) (string, error) {
		id, expires, err := s.k.OpenFunded(ctx, f, m)
		if err == nil {
			require.Equal(s.t, ctx.BlockTime().Unix()+int64(m.Seconds), expires)
		}
		return id, err
	})
}

// newFunded is a scene whose session is funded, for its first node.
func newFunded(f *fixture, price int64) (s *scene, funder sdk.AccAddress) {
	s = newScene(f)
	s.jobPrice = price
	s.app(s.mining)
	funder = s.funder("socket", funds)
	s.fund(funder, s.node)
	return s, funder
}

// promise is a slot of a node, for funded sessions.
func (s *scene) promise(node sdk.AccAddress) {
	s.t.Helper()
	r := computetypes.Reservation{Promise: "socket/7", Slots: 1, Stake: math.ZeroInt()}
	require.NoError(s.t, s.compute.SetReservation(s.ctx, node, r))
}

// fund opens a funded session, and makes it the scene's.
func (s *scene) fund(funder, node sdk.AccAddress) {
	s.t.Helper()
	s.promise(node)
	var err error
	s.session, err = s.openFunded(s.funding(funder, node), s.opening(types.Allotment{Router: s.router.String(), Amount: coin(allotment)}))
	require.NoError(s.t, err)
}

func (s *scene) closeFor(session string) error {
	s.t.Helper()
	_, err := atomically(s.fixture, func(ctx sdk.Context) (struct{}, error) {
		return struct{}{}, s.k.CloseFor(ctx, session, "the socket was unplugged")
	})
	return err
}

func (s *scene) topUp(amount int64, seconds uint64, allotments ...types.Allotment) (*types.MsgTopUpSessionResponse, error) {
	s.t.Helper()
	return atomically(s.fixture, func(ctx sdk.Context) (*types.MsgTopUpSessionResponse, error) {
		return s.msg.TopUpSession(ctx, &types.MsgTopUpSession{
			Owner: s.owner.String(), Session: s.session, Amount: coin(amount), Seconds: seconds, Allotments: allotments,
		})
	})
}

// settle lets a session that closes come to its end.
func (s *scene) settle() {
	s.t.Helper()
	s.pass(3_600)
	s.pass(600)
	require.Equal(s.t, types.SESSION_STATUS_SETTLED, s.load(s.session).Status)
}

// comesBack ends everything and checks that the funder has all of its money but
// what vouchers and jobs of its sessions were paid.
func (s *scene) comesBack(funder sdk.AccAddress, funded map[string]bool, spent int64) {
	s.t.Helper()
	for id := range funded {
		if err := s.closeFor(id); !errors.Is(err, types.ErrSessionNotFound) {
			require.NoError(s.t, err)
		}
	}
	for range 8 {
		s.pass(86_400)
	}
	for _, closed := range s.hooks.closed {
		if funded[closed.session.Id] {
			require.Equal(s.t, funder.String(), closed.session.Funder)
			spent += closed.job.Paid.Amount.Int64()
		}
	}
	require.Equal(s.t, funds-spent, s.balance(funder), "all that was not spent is the funder's again")
	require.False(s.t, s.accounts.HasAccount(s.ctx, funder), "an address without a key needs no account")
	settled := 0
	for _, session := range s.hooks.settled {
		if funded[session.Id] {
			settled++
		}
	}
	require.Equal(s.t, len(funded), settled, "the funding module heard of each end once")
}
