package onchain

import (
	"testing"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/x/market/types"
)

// A redeemer gives a voucher up only where the chain will never pay it, whatever another module's code of the same number
// means.
func TestOutcomes(t *testing.T) {
	answer := func(space string, code uint32) types.Redemption {
		return types.Redemption{Code: code, Codespace: space, Paid: 3, Unpaid: 2, Error: "words"}
	}
	got := Answers([]types.Redemption{
		{Paid: 5},
		answer(types.ModuleName, types.ErrStale.ABCICode()),
		answer(types.ModuleName, types.ErrWrongStatus.ABCICode()),
		answer(types.ModuleName, types.ErrSessionNotFound.ABCICode()),
		answer(types.ModuleName, types.ErrNothingLeft.ABCICode()),
		answer(types.ModuleName, types.ErrSignature.ABCICode()),
		answer("sdk", types.ErrWrongStatus.ABCICode()),
		answer(types.ModuleName, types.ErrOtherNode.ABCICode()),
		answer("sdk", types.ErrOtherNode.ABCICode()),
	})
	want := []session.Outcome{session.Redeemed, session.Stale, session.Void, session.Void, session.Refused, session.Refused, session.Refused, session.Void, session.Refused}
	for i, a := range got {
		require.Equal(t, want[i], a.Outcome, "answer %d", i)
	}
	require.Equal(t, session.Redemption{Outcome: session.Stale, Paid: 3, Unpaid: 2, Reason: "words"}, got[1])
}

func TestNumber(t *testing.T) {
	require.Equal(t, uint64(7), number(math.NewInt(7)))
	require.Zero(t, number(math.NewInt(-1)))
	require.Equal(t, uint64(receipt.MaxNumber), number(math.NewIntFromUint64(1<<63)))
	require.Equal(t, uint64(receipt.MaxNumber), number(math.NewInt(10).ToLegacyDec().Power(40).TruncateInt()))
}

func TestInfoRefusesWhatIsNoSession(t *testing.T) {
	for name, s := range map[string]types.Session{
		"id": {Id: "x"}, "key": {Id: receipt.SessionID{1}.String(), Key: []byte{1}},
	} {
		_, err := Info(s)
		require.Error(t, err, name)
	}
}

// A session of one node is that node's alone for the parties, too.
func TestInfoOfOneNode(t *testing.T) {
	s := types.Session{
		Id: receipt.SessionID{1}.String(), Key: secp256k1.GenPrivKeyFromSecret([]byte("session")).PubKey().Bytes(),
		Deposit: math.ZeroInt(), Direct: math.ZeroInt(), Held: math.ZeroInt(), Jobs: math.ZeroInt(),
	}
	info, err := Info(s)
	require.NoError(t, err)
	require.True(t, info.Node.IsZero())
	node := receipt.Address{7}
	s.Node = node.String()
	info, err = Info(s)
	require.NoError(t, err)
	require.Equal(t, node, info.Node)
	s.Node = "emc1"
	_, err = Info(s)
	require.ErrorContains(t, err, "its node")
}
