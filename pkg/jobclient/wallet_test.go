package jobclient

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"testing"

	abci "github.com/cometbft/cometbft/abci/types"
	coretypes "github.com/cometbft/cometbft/rpc/core/types"
	comet "github.com/cometbft/cometbft/types"
	"github.com/stretchr/testify/require"

	"github.com/cosmos/cosmos-sdk/client"
	codectypes "github.com/cosmos/cosmos-sdk/codec/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"

	"github.com/edgematrix/emc/x/compute/types"
)

// forgetful is a chain's node that was killed: its blocks are all there, its
// index is not.
type forgetful struct {
	client.CometRPC
	earliest, latest int64
	holds            int64 // height of the block that holds the transaction; 0 is none
	code             uint32
	raw              []byte
	checks           uint32 // what the mempool answers
	down             int    // so many questions for a block fail
}

func (f *forgetful) Tx(context.Context, []byte, bool) (*coretypes.ResultTx, error) {
	return nil, errors.New("tx not found")
}

func (f *forgetful) BroadcastTxSync(context.Context, comet.Tx) (*coretypes.ResultBroadcastTx, error) {
	return &coretypes.ResultBroadcastTx{Code: f.checks, Codespace: sdkerrors.RootCodespace}, nil
}

func (f *forgetful) Status(context.Context) (*coretypes.ResultStatus, error) {
	s := &coretypes.ResultStatus{}
	s.SyncInfo.EarliestBlockHeight, s.SyncInfo.LatestBlockHeight = f.earliest, f.latest
	return s, nil
}

func (f *forgetful) Block(_ context.Context, height *int64) (*coretypes.ResultBlock, error) {
	if f.down > 0 {
		f.down--
		return nil, errors.New("connection refused")
	}
	b := &comet.Block{}
	b.Txs = comet.Txs{comet.Tx("another")}
	if *height == f.holds {
		b.Txs = append(b.Txs, f.raw)
	}
	return &coretypes.ResultBlock{Block: b}, nil
}

func (f *forgetful) BlockResults(context.Context, *int64) (*coretypes.ResultBlockResults, error) {
	answer, err := codectypes.NewAnyWithValue(&types.MsgSubmitJobResponse{Job: "j"})
	if err != nil {
		return nil, err
	}
	data, err := (&sdk.TxMsgData{MsgResponses: []*codectypes.Any{answer}}).Marshal()
	return &coretypes.ResultBlockResults{TxsResults: []*abci.ExecTxResult{{}, {Code: f.code, Data: data, Log: "refused"}}}, err
}

// A submission that is in a block is found there, whatever the index says.
// Taken for void its key would be thrown away and the job be lost; taken for
// overtaken it would be ordered and paid a second time.
func TestSettleWithoutIndex(t *testing.T) {
	sequence := sdkerrors.ErrWrongSequence.ABCICode()
	for _, tc := range []struct {
		name string
		node forgetful
		is   error
		says string // with neither, it is found
	}{
		{"success - void by the index, in a block", forgetful{holds: 12}, nil, ""},
		{"success - in the last block that may hold it", forgetful{holds: 20}, nil, ""},
		{"success - overtaken by itself", forgetful{holds: 12, checks: sequence}, nil, ""},
		{"success - while the node comes back", forgetful{holds: 12, checks: sequence, down: 1}, nil, ""},
		{"success - long before it could be void", forgetful{holds: 12, latest: 13}, nil, ""},
		{"error - void", forgetful{}, ErrVoid, ""},
		{"error - overtaken by another", forgetful{checks: sequence}, errSequence, ""},
		{"error - failed in its block", forgetful{holds: 12, code: 5}, nil, "refused"},
		{"error - the blocks are gone", forgetful{holds: 12, earliest: 11}, nil, "not known"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			raw := []byte("transaction")
			hash := sha256.Sum256(raw)
			node := tc.node
			node.raw, node.earliest, node.latest = raw, max(node.earliest, 1), cmp.Or(node.latest, 21)
			w := wallet{ctx: client.Context{}.WithClient(&node)}
			got, err := w.settle(t.Context(), Tx{Hash: "H"}, raw, hash[:], 10, 20)
			switch {
			case tc.is != nil:
				require.ErrorIs(t, err, tc.is)
			case tc.says != "":
				require.ErrorContains(t, err, tc.says)
				require.NotErrorIs(t, err, ErrVoid)
			default:
				require.NoError(t, err)
				require.Equal(t, tc.node.holds, got.Height)
				require.NotEmpty(t, got.Response)
			}
		})
	}
}
