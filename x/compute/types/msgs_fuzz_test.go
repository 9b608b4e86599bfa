package types_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	moduletestutil "github.com/cosmos/cosmos-sdk/types/module/testutil"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"
	authsigning "github.com/cosmos/cosmos-sdk/x/auth/signing"

	_ "github.com/edgematrix/emc/app/params" // the address prefix
	"github.com/edgematrix/emc/x/compute"
	"github.com/edgematrix/emc/x/compute/types"
)

// validMsgs is one message of each kind that passes its checks.
func validMsgs() []sdk.Msg {
	who := func(b byte) string { return sdk.AccAddress(bytes.Repeat([]byte{b}, 20)).String() }
	uemc := func(n int64) sdk.Coin { return types.Uemc(math.NewInt(n)) }
	key, digest := append([]byte{2}, bytes.Repeat([]byte{7}, 32)...), bytes.Repeat([]byte{9}, 32)
	job := strings.Repeat("0a", 16)
	offer := types.Offer{
		Hardware: types.Hardware{
			CpuModel: "cpu", CpuCores: 8, MemoryBytes: 1 << 40, DiskBytes: 1<<64 - 1,
			Gpus: []types.Gpu{{Model: "H200", UuidHash: strings.Repeat("ab", 32), MemoryBytes: 1, ComputeCapability: "9.0", Driver: "570"}},
		},
		Region: "US-CA", Slots: 3, SlotHourPrice: uemc(360_000), Apps: []string{"charlm"}, Runtimes: []string{"wasm", "docker"}, Isolation: 2, Egress: true,
	}
	router := types.Offer{Hardware: offer.Hardware, Region: "DE", SlotHourPrice: uemc(0)}
	app := types.MsgRegisterApp{
		Owner: who(1), Id: "ocr", Runtime: "wasm", Digest: strings.Repeat("ab", 32), Interface: types.INTERFACE_BATCH, MinMemoryBytes: 1, MinCpuCores: 2,
		MinGpus: 1, MinGpuMemoryBytes: 3, Unit: "page", Comparison: types.COMPARISON_EXACT, Description: "reads <pages> & \u2028 more",
	}
	update := types.MsgUpdateApp(app)
	return []sdk.Msg{
		&types.MsgRegisterNode{Operator: who(1), Pubkey: key, KeySignature: digest, Role: types.ROLE_COMPUTING, Offer: offer},
		&types.MsgUpdateNode{Operator: who(1), Node: who(2), Offer: offer},
		&types.MsgRetireNode{Operator: who(1), Node: who(2), WhenIdle: true},
		&types.MsgStake{Operator: who(1), Node: who(2), Amount: uemc(1)},
		&types.MsgUnstake{Operator: who(1), Node: who(2), Amount: uemc(types.MaxAmount)},
		&types.MsgUnjail{Operator: who(1), Node: who(2)},
		&types.MsgReportStatus{Node: who(2), Endpoints: []string{"/ip4/127.0.0.1/tcp/4600"}, Accepting: true},
		&app, &update,
		&types.MsgSubmitJob{
			Customer: who(3), App: "ocr", Node: who(2), MaxSeconds: 60, MaxPrice: uemc(10_000), SpecDigest: digest, InputsDigest: digest, AccessKey: key,
			Requirements: types.Requirements{MemoryBytes: 1, Gpus: 1, GpuModel: "H", Region: "DE", MinIsolation: 1, MinSlotPower: 2, MinStake: math.NewInt(3), Egress: true},
		},
		&types.MsgAcknowledgeJob{Node: who(2), Job: job, InputsReceived: true},
		&types.MsgDeclineJob{Node: who(2), Job: job, Reason: "busy \"now\""},
		&types.MsgStartJob{Node: who(2), Job: job},
		&types.MsgSubmitReceipt{Node: who(2), Job: job, Receipt: types.Receipt{
			Reason: types.EXIT_REASON_EXITED, ExitCode: -1, ResultDigest: digest, LogDigest: digest, Usage: types.Usage{WallMilliseconds: 1<<63 + 1},
		}},
		&types.MsgAcceptResult{Customer: who(3), Job: job},
		&types.MsgCancelJob{Customer: who(3), Job: job},
		&types.MsgUpdateParams{Authority: who(4), Params: types.DefaultParams()},
		&types.MsgRegisterNode{Operator: who(1), Pubkey: key, KeySignature: digest, Role: types.ROLE_ROUTER, Offer: router},
		&types.MsgUpdateNode{Operator: who(1), Node: who(2), Offer: router},
	}
}

// validate is the stateless check that the message's handler begins with.
func validate(msg sdk.Msg) error {
	switch m := msg.(type) {
	case *types.MsgRegisterApp:
		return m.App().Validate()
	case *types.MsgUpdateApp:
		return m.App().Validate()
	case *types.MsgSubmitJob:
		return m.Validate(types.DefaultParams())
	case *types.MsgSubmitReceipt:
		return m.Receipt.Validate()
	case *types.MsgUpdateNode: // of either role: the state knows which
		if err := m.Validate(types.ROLE_COMPUTING); err == nil {
			return nil
		}
		return m.Validate(types.ROLE_ROUTER)
	case *types.MsgUpdateParams:
		return m.Params.Validate()
	case interface{ Validate() error }:
		return m.Validate()
	case *types.MsgRetireNode, *types.MsgUnjail, *types.MsgAcknowledgeJob, *types.MsgStartJob, *types.MsgAcceptResult, *types.MsgCancelJob:
		return nil // the state decides
	default:
		panic("a message that this test does not know")
	}
}

// Every message in the module's interface is fuzzed.
func TestValidMsgsAreAll(t *testing.T) {
	enc := moduletestutil.MakeTestEncodingConfig(compute.AppModule{})
	known := map[string]bool{}
	for _, msg := range validMsgs() {
		known[sdk.MsgTypeURL(msg)] = true
		require.NoError(t, validate(msg), "%T", msg)
	}
	for _, url := range enc.InterfaceRegistry.ListImplementations(sdk.MsgInterfaceProtoName) {
		if strings.HasPrefix(url, "/emc.compute.") && !known[url] {
			t.Errorf("%s is not fuzzed", url)
		}
	}
}

// Any bytes may claim to be any message: neither the decoding, nor the check,
// nor the search for signers panics. A message that passes its check survives
// the way through a transaction, has one signer, and shows a hardware wallet in
// amino JSON exactly what the older codec shows.
func FuzzMsgs(f *testing.F) {
	enc := moduletestutil.MakeTestEncodingConfig(compute.AppModule{})
	kinds := validMsgs()
	for i, msg := range kinds {
		raw, err := enc.Codec.Marshal(msg)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), raw)
		f.Add(uint8(i+1), raw)
		f.Add(uint8(i), raw[:len(raw)/2])
	}
	f.Add(uint8(3), []byte("\x1a\x00"))                              // an amount without anything
	f.Add(uint8(3), []byte("\x1a\x09\x0a\x04uemc\x12\x01x"))         // an amount that is no number
	f.Add(uint8(3), []byte("\x1a\x0a\x0a\x04uemc\x12\x02-5"))        // a negative one
	f.Add(uint8(11), []byte("\x0a\x03\xff\xfe\xfd\x1a\x01\xff"))     // words that are no words
	f.Add(uint8(6), []byte("\x12\x07/ip4/\x00\x0a\xff\xff\xff\x7f")) // a length beyond the end
	f.Fuzz(func(t *testing.T, kind uint8, raw []byte) {
		msg := reflect.New(reflect.TypeOf(kinds[int(kind)%len(kinds)]).Elem()).Interface().(sdk.Msg)
		if err := enc.Codec.Unmarshal(raw, msg); err != nil {
			return
		}
		signers, _, err := enc.Codec.GetMsgV1Signers(msg)
		if validate(msg) != nil || err != nil {
			return
		}
		require.Len(t, signers, 1)

		// What cannot be a transaction need not be signed: strings that are not
		// UTF-8 pass no decoder of transactions.
		builder := enc.TxConfig.NewTxBuilder()
		require.NoError(t, builder.SetMsgs(msg))
		wire, err := enc.TxConfig.TxEncoder()(builder.GetTx())
		require.NoError(t, err)
		tx, err := enc.TxConfig.TxDecoder()(wire)
		if err != nil {
			return
		}
		require.Len(t, tx.GetMsgs(), 1)
		back := tx.GetMsgs()[0]
		require.True(t, reflect.TypeOf(back) == reflect.TypeOf(msg))
		once, err := enc.Codec.Marshal(msg)
		require.NoError(t, err)
		twice, err := enc.Codec.Marshal(back)
		require.NoError(t, err)
		require.Equal(t, once, twice)
		require.NoError(t, validate(back), "valid before the transaction, not in it")

		signed, err := authsigning.GetSignBytesAdapter(t.Context(), enc.TxConfig.SignModeHandler(), signing.SignMode_SIGN_MODE_LEGACY_AMINO_JSON,
			authsigning.SignerData{Address: sdk.AccAddress(signers[0]).String(), ChainID: "emc-fuzz-1"}, builder.GetTx())
		require.NoError(t, err)
		var document struct{ Msgs []json.RawMessage }
		require.NoError(t, json.Unmarshal(signed, &document))
		require.Len(t, document.Msgs, 1)
		legacy, err := enc.Amino.MarshalJSON(msg)
		require.NoError(t, err)
		require.JSONEq(t, string(legacy), string(document.Msgs[0]))
	})
}
