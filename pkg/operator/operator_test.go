package operator

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/x/feegrant"

	"github.com/edgematrix/emc/pkg/identity"
	computetypes "github.com/edgematrix/emc/x/compute/types"
)

func uemc(n int64) sdk.Coin { return computetypes.Uemc(math.NewInt(n)) }

func registration() Registration {
	return Registration{
		ChainID: "emc-1", Node: identity.New(), Role: computetypes.ROLE_COMPUTING, Operator: sdk.AccAddress("operator------------"),
		Offer:  computetypes.Offer{Slots: 1, SlotHourPrice: uemc(1), Runtimes: []string{"wasm"}},
		FeeCap: uemc(5_000_000), Stake: uemc(10_000_000),
	}
}

func urls(msgs []sdk.Msg) []string {
	out := []string{}
	for _, m := range msgs {
		out = append(out, sdk.MsgTypeURL(m)[len("/"):])
	}
	return out
}

const (
	register = "emc.compute.v1.MsgRegisterNode"
	update   = "emc.compute.v1.MsgUpdateNode"
	stake    = "emc.compute.v1.MsgStake"
	grant    = "cosmos.feegrant.v1beta1.MsgGrantAllowance"
	retire   = "emc.compute.v1.MsgRetireNode"
	revoke   = "cosmos.feegrant.v1beta1.MsgRevokeAllowance"
)

func TestOnlyWhatIsMissingIsSent(t *testing.T) {
	r := registration()
	present := func(change func(*computetypes.Node)) *computetypes.Node {
		n := &computetypes.Node{Operator: r.Operator.String(), Offer: r.Offer, Stake: r.Stake.Amount}
		change(n)
		return n
	}
	for _, tt := range []struct {
		name string
		now  Present
		want []string
	}{
		{"nothing yet", Present{}, []string{register, grant, stake}},
		{"all there", Present{Node: present(func(*computetypes.Node) {}), Granted: true, Covers: true}, []string{}},
		{"grant gone", Present{Node: present(func(*computetypes.Node) {})}, []string{grant}},
		{"grant of an older worker", Present{Node: present(func(*computetypes.Node) {}), Granted: true}, []string{revoke, grant}},
		{"another price", Present{Node: present(func(n *computetypes.Node) { n.Offer.SlotHourPrice = uemc(2) }), Granted: true, Covers: true}, []string{update}},
		{"too little stake", Present{Node: present(func(n *computetypes.Node) { n.Stake = math.NewInt(4_000_000) }), Granted: true, Covers: true}, []string{stake}},
		{"more stake than asked for", Present{Node: present(func(n *computetypes.Node) { n.Stake = math.NewInt(40_000_000) }), Granted: true, Covers: true}, []string{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			msgs, err := r.Messages(tt.now)
			require.NoError(t, err)
			require.Equal(t, tt.want, urls(msgs))
			for _, m := range msgs {
				if s, ok := m.(*computetypes.MsgStake); ok && tt.now.Node != nil {
					require.Equal(t, uemc(6_000_000), s.Amount, "only the difference")
				}
			}
		})
	}
	_, err := r.Messages(Present{Node: present(func(n *computetypes.Node) { n.Operator = "emc1other" })})
	require.ErrorIs(t, err, ErrForeign)
	_, err = r.Messages(Present{Node: present(func(n *computetypes.Node) { n.Retiring = true })})
	require.ErrorContains(t, err, "retiring")
}

func TestGrantCoversTheWorkersMessagesAlone(t *testing.T) {
	msgs, err := registration().Messages(Present{})
	require.NoError(t, err)
	m := msgs[1].(*feegrant.MsgGrantAllowance)
	allowance, err := m.GetFeeAllowanceI()
	require.NoError(t, err)
	limited := allowance.(*feegrant.AllowedMsgAllowance)
	require.ElementsMatch(t, []string{
		"/emc.compute.v1.MsgReportStatus", "/emc.compute.v1.MsgAcknowledgeJob", "/emc.compute.v1.MsgDeclineJob",
		"/emc.compute.v1.MsgStartJob", "/emc.compute.v1.MsgSubmitReceipt", "/emc.poc.v1.MsgCommitProof", "/emc.poc.v1.MsgRevealProof",
		"/emc.market.v1.MsgRedeemVouchers",
	}, limited.AllowedMessages)
	require.True(t, Covers(computetypes.ROLE_COMPUTING, limited))
	limited.AllowedMessages = limited.AllowedMessages[:7]
	require.False(t, Covers(computetypes.ROLE_COMPUTING, limited))
	require.True(t, Covers(computetypes.ROLE_COMPUTING, &feegrant.BasicAllowance{}))
	inner, err := limited.GetAllowance()
	require.NoError(t, err)
	require.Equal(t, sdk.NewCoins(uemc(5_000_000)), inner.(*feegrant.PeriodicAllowance).PeriodSpendLimit)
}

func TestBadTerms(t *testing.T) {
	r := registration()
	r.Offer.Slots = 0
	_, err := r.Messages(Present{})
	require.ErrorIs(t, err, computetypes.ErrInvalidNode)
	r = registration()
	r.FeeCap = uemc(0)
	_, err = r.Messages(Present{})
	require.ErrorContains(t, err, "fee cap")
}

func TestRetirement(t *testing.T) {
	operator, node := sdk.AccAddress("operator------------"), identity.New().Address()
	for _, tt := range []struct {
		name                    string
		whenIdle, granted, busy bool
		want                    []string
	}{
		{"now", false, true, false, []string{retire, revoke}},
		{"no grant", false, false, false, []string{retire}},
		{"when idle, idle", true, true, false, []string{retire, revoke}},
		{"when idle, busy: the last receipts need the grant", true, true, true, []string{retire}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			msgs, err := Retirement(operator, node, tt.whenIdle, tt.granted, tt.busy)
			require.NoError(t, err)
			require.Equal(t, tt.want, urls(msgs))
		})
	}
	_, err := Retirement(operator, "nobody", false, true, false)
	require.Error(t, err)
}

// A router registers without slots, and its grant pays for what it sends alone.
func TestRouter(t *testing.T) {
	r := registration()
	r.Role, r.Offer = computetypes.ROLE_ROUTER, computetypes.Offer{SlotHourPrice: uemc(0), Region: "DE"}
	msgs, err := r.Messages(Present{})
	require.NoError(t, err)
	require.Equal(t, []string{register, grant, stake}, urls(msgs))
	allowance, err := msgs[1].(*feegrant.MsgGrantAllowance).GetFeeAllowanceI()
	require.NoError(t, err)
	require.Equal(t, []string{"/emc.compute.v1.MsgReportStatus", "/emc.market.v1.MsgCloseSession"}, allowance.(*feegrant.AllowedMsgAllowance).AllowedMessages)
	require.False(t, Covers(computetypes.ROLE_COMPUTING, allowance))
}
