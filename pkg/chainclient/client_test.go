package chainclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	authsigning "github.com/cosmos/cosmos-sdk/x/auth/signing"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// node is a CometBFT RPC that knows a little, without a websocket.
type node struct {
	*httptest.Server
	chain   string
	height  atomic.Int64
	answers map[string]string // result, or error when it begins with "!"
}

func newNode(t *testing.T, chain string) *node {
	n := &node{chain: chain, answers: map[string]string{}}
	n.height.Store(7)
	n.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var call struct {
			ID     json.RawMessage
			Method string
		}
		if r.Method != http.MethodPost || json.NewDecoder(r.Body).Decode(&call) != nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		out := map[string]any{"jsonrpc": "2.0", "id": call.ID}
		switch answer, ok := n.answers[call.Method]; {
		case call.Method == "status":
			out["result"] = json.RawMessage(`{"node_info":{"network":"` + n.chain + `"},"sync_info":{"latest_block_height":"` +
				json.Number(itoa(n.height.Load())).String() + `","latest_block_time":"2026-01-01T00:00:00Z"},"validator_info":{}}`)
		case ok && answer[0] == '!':
			out["error"] = map[string]any{"code": -32603, "message": "Internal error", "data": answer[1:]}
		case ok:
			out["result"] = json.RawMessage(answer)
		default:
			out["error"] = map[string]any{"code": -32601, "message": "no such method"}
		}
		_ = json.NewEncoder(w).Encode(out)
	}))
	t.Cleanup(n.Close)
	return n
}

func itoa(n int64) string { b, _ := json.Marshal(n); return string(b) }

func (n *node) client(t *testing.T, chain string) *Client {
	c, err := New(Config{RPC: n.URL, ChainID: chain, PollInterval: 10 * time.Millisecond, GasPrices: sdk.NewDecCoins(sdk.NewDecCoinFromDec("uemc", math.LegacyMustNewDecFromStr("0.01")))})
	require.NoError(t, err)
	return c
}

func TestWrongChainIsNamed(t *testing.T) {
	n := newNode(t, "emc-2")
	_, err := n.client(t, "emc-1").CheckChain(t.Context())
	require.ErrorIs(t, err, ErrWrongChain)
	require.ErrorContains(t, err, "configured for chain emc-1")
	require.ErrorContains(t, err, "runs emc-2")
	head, err := n.client(t, "emc-2").CheckChain(t.Context())
	require.NoError(t, err)
	require.Equal(t, int64(7), head.Height)
}

func TestNoEndpoint(t *testing.T) {
	_, err := New(Config{})
	require.ErrorContains(t, err, "RPC endpoint")
	c, err := New(Config{RPC: "http://127.0.0.1:1"})
	require.NoError(t, err)
	_, err = c.Head(t.Context())
	require.ErrorContains(t, err, "127.0.0.1:1 does not answer")
	_, err = c.Node(t.Context(), "emc1x")
	require.False(t, IsRefusal(err))
	require.Error(t, err)
}

func TestWatchPollsWithoutEvents(t *testing.T) {
	n := newNode(t, "emc-1")
	ctx, cancel := context.WithCancel(t.Context())
	var seen []int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		n.client(t, "emc-1").Watch(ctx, func(h Head) {
			seen = append(seen, h.Height)
			if n.height.Add(1) > 10 {
				cancel()
			}
		})
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("Watch did not end")
	}
	require.Equal(t, []int64{7, 8, 9, 10}, seen)
}

func TestLookup(t *testing.T) {
	n := newNode(t, "emc-1")
	c, hash := n.client(t, "emc-1"), Hash([]byte("tx"))
	n.answers["tx"] = "!tx (" + hash + ") not found"
	_, err := c.Lookup(t.Context(), hash)
	require.ErrorIs(t, err, ErrNotFound)
	n.answers["tx"] = "!transaction indexing is disabled"
	_, err = c.Lookup(t.Context(), hash)
	require.ErrorIs(t, err, ErrNoIndex)
	n.answers["tx"] = "!boom"
	_, err = c.Lookup(t.Context(), hash)
	require.Error(t, err)
	require.False(t, errors.Is(err, ErrNotFound))
	n.answers["tx"] = `{"hash":"` + hash + `","height":"5","index":0,"tx_result":{"code":11,"codespace":"sdk","log":"out of gas","gas_used":"9"},"tx":"dHg="}`
	in, err := c.Lookup(t.Context(), hash)
	require.NoError(t, err)
	require.Equal(t, int64(5), in.Height)
	require.ErrorIs(t, in.Failure, sdkerrors.ErrOutOfGas)
	require.False(t, errors.Is(in.Failure, sdkerrors.ErrInsufficientFee))
	_, err = c.Lookup(t.Context(), "abc")
	require.ErrorContains(t, err, "64 hex")
}

func TestBroadcast(t *testing.T) {
	n := newNode(t, "emc-1")
	c := n.client(t, "emc-1")
	ok := `{"code":0,"data":"","log":"","codespace":"","hash":"` + Hash([]byte("tx")) + `"}`
	n.answers["broadcast_tx_sync"] = ok
	require.NoError(t, c.Broadcast(t.Context(), []byte("tx")))
	n.answers["broadcast_tx_sync"] = "!tx already exists in cache"
	require.NoError(t, c.Broadcast(t.Context(), []byte("tx")), "it is on its way already")
	n.answers["broadcast_tx_sync"] = `{"code":13,"data":"","log":"insufficient fees","codespace":"sdk","hash":"` + Hash([]byte("tx")) + `"}`
	err := c.Broadcast(t.Context(), []byte("tx"))
	var refused *Rejection
	require.ErrorAs(t, err, &refused)
	require.ErrorIs(t, err, sdkerrors.ErrInsufficientFee)
	n.answers["broadcast_tx_sync"] = "!mempool is full"
	err = c.Broadcast(t.Context(), []byte("tx"))
	require.Error(t, err)
	require.False(t, errors.As(err, &refused), "the node did not judge it: nobody knows who has it")
}

func TestSignedBytesVerify(t *testing.T) {
	n := newNode(t, "emc-1")
	c, s := n.client(t, "emc-1"), KeySigner{Key: secp256k1.GenPrivKey()}
	granter := sdk.AccAddress("granter-------------")
	d := c.WithGas(Draft{
		Messages: []sdk.Msg{&computetypes.MsgStartJob{Node: Address(s).String(), Job: "00000000000000000000000000000000"}},
		Account:  Account{Number: 3, Sequence: 9}, FeeGranter: granter, TimeoutHeight: 77,
	}, 100_001)
	raw, err := c.Sign(t.Context(), d, s)
	require.NoError(t, err)
	decoded, err := c.TxConfig.TxDecoder()(raw)
	require.NoError(t, err)
	tx := decoded.(authsigning.Tx)
	require.Equal(t, sdk.NewCoins(sdk.NewInt64Coin("uemc", 1001)), tx.GetFee(), "rounded up: rounded down it would be refused")
	require.Equal(t, uint64(77), tx.(interface{ GetTimeoutHeight() uint64 }).GetTimeoutHeight())
	require.Equal(t, []byte(granter), tx.FeeGranter())
	signatures, err := tx.GetSignaturesV2()
	require.NoError(t, err)
	signBytes, err := authsigning.GetSignBytesAdapter(t.Context(), c.TxConfig.SignModeHandler(), signing.SignMode_SIGN_MODE_DIRECT,
		authsigning.SignerData{Address: Address(s).String(), ChainID: "emc-1", PubKey: s.PubKey(), AccountNumber: 3, Sequence: 9}, tx)
	require.NoError(t, err)
	require.True(t, s.PubKey().VerifySignature(signBytes, signatures[0].Data.(*signing.SingleSignatureData).Signature))
	again, err := c.Sign(t.Context(), d, s)
	require.NoError(t, err)
	require.Equal(t, raw, again)

	_, err = n.client(t, "").Sign(t.Context(), d, s)
	require.ErrorContains(t, err, "no chain id")
	unsigned, err := c.JSON(d)
	require.NoError(t, err)
	back, err := c.TxConfig.TxJSONDecoder()(unsigned)
	require.NoError(t, err)
	require.Equal(t, d.Messages, back.GetMsgs())
}

func TestWords(t *testing.T) {
	for raw, want := range map[string]string{
		"rpc error: code = Unknown desc = rpc error: code = Unknown desc = failed to execute message; message index: 0: node emc1x; " +
			"retire it with when_idle: the node has work that is not finished [/src/x/compute/keeper/msg_node.go:82] with gas used: '34859': unknown request": "node emc1x; retire it with when_idle: the node has work that is not finished",
		"insufficient fees; got:  required: 5uemc: insufficient fee": "insufficient fees; got:  required: 5uemc: insufficient fee",
		"out of gas with gas used: '7'":                              "out of gas",
	} {
		require.Equal(t, want, Words(raw))
	}
	err := refusal{status.Error(codes.Unknown, "failed to execute message; message index: 3: no")}
	require.Equal(t, "no", err.Error())
	require.True(t, IsRefusal(fmt.Errorf("wrapped: %w", err)))
}
