package types_test

import (
	"bytes"
	"testing"

	"cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"

	_ "github.com/edgematrix/emc/app/params" // the address prefix
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/x/market/types"
)

// marshaler is what every message is.
type marshaler interface{ Marshal() ([]byte, error) }

// FuzzMsgs: whatever a message holds, its check gives a clear answer and never
// panics, and what passes is within the bounds that the keeper counts on.
func FuzzMsgs(f *testing.F) {
	who := sdk.AccAddress(bytes.Repeat([]byte{1}, 20)).String()
	key := secp256k1.GenPrivKeyFromSecret([]byte("fuzz")).PubKey().Bytes()
	id := types.SessionID(bytes.Repeat([]byte{1}, 20), 0)
	coin := types.Uemc(math.NewInt(1_000_000))
	root := receipt.EmptyRoot()
	voucher := types.Voucher{Session: id, KeyId: 1, Router: who, Node: who, Amount: 5, Root: root[:], KeySignature: make([]byte, 64), RouterSignature: make([]byte, 64)}
	for kind, m := range []marshaler{
		&types.MsgOpenSession{Owner: who, Deposit: coin, Key: key, Allotments: []types.Allotment{{Router: who, Amount: coin}}, Seconds: 60},
		&types.MsgTopUpSession{Owner: who, Session: id, Amount: coin, Seconds: 60},
		&types.MsgRotateSessionKey{Owner: who, Session: id, Key: key},
		&types.MsgSubmitSessionJob{Customer: who, Session: id, MaxPrice: coin},
		&types.MsgSetCover{Operator: who, Router: who, Node: sdk.AccAddress(key[:20]).String(), Amount: coin},
		&types.MsgRedeemVouchers{Sender: who, Vouchers: []types.Voucher{voucher}},
		&types.MsgCollectShares{Sender: who, Sessions: []string{id}},
		&types.MsgRecordReceipt{Sender: who, Receipt: make([]byte, 320), NodeKey: key, Path: [][]byte{root[:]}},
		&types.MsgUpdateParams{Authority: who, Params: types.DefaultParams()},
	} {
		raw, err := m.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(kind), raw)
	}
	params := types.DefaultParams()
	f.Fuzz(func(t *testing.T, kind byte, raw []byte) {
		switch kind {
		case 0:
			var m types.MsgOpenSession
			if m.Unmarshal(raw) == nil && m.Validate(params) == nil {
				sum := math.ZeroInt()
				for _, a := range m.Allotments {
					sum = sum.Add(a.Amount.Amount)
				}
				if sum.GT(m.Deposit.Amount) || !m.Deposit.Amount.IsUint64() || m.Seconds > params.MaxSessionSeconds {
					t.Fatalf("passed: %s", &m)
				}
			}
		case 1:
			var m types.MsgTopUpSession
			if m.Unmarshal(raw) == nil && m.Validate(params) == nil && !m.Amount.Amount.IsUint64() {
				t.Fatalf("passed: %s", &m)
			}
		case 2:
			var m types.MsgRotateSessionKey
			if m.Unmarshal(raw) == nil && m.Validate() == nil {
				if _, err := receipt.ParsePublicKey(m.Key); err != nil {
					t.Fatalf("passed: %s", &m)
				}
			}
		case 3:
			var m types.MsgSubmitSessionJob
			if m.Unmarshal(raw) == nil {
				_ = m.Validate()
				m.Job()
			}
		case 4:
			var m types.MsgSetCover
			if m.Unmarshal(raw) == nil && m.Validate(params) == nil && m.Router == m.Node {
				t.Fatalf("passed: %s", &m)
			}
		case 5:
			var m types.MsgRedeemVouchers
			if m.Unmarshal(raw) != nil || m.Validate(params) != nil {
				return
			}
			for _, v := range m.Vouchers {
				// One encoding for each voucher: what was signed is what the message says.
				parsed, err := v.Receipt()
				if err != nil {
					continue
				}
				back := types.FromReceipt(parsed)
				if len(v.RouterSignature) == 0 {
					back.RouterSignature = v.RouterSignature
				}
				a, _ := v.Marshal()
				b, _ := back.Marshal()
				if !bytes.Equal(a, b) {
					t.Fatalf("%s\nbecame\n%s", &v, &back)
				}
			}
		case 6:
			var m types.MsgCollectShares
			if m.Unmarshal(raw) == nil && m.Validate() == nil && len(m.Sessions) > types.MaxCollected {
				t.Fatal("too many passed")
			}
		case 7:
			var m types.MsgRecordReceipt
			if m.Unmarshal(raw) == nil {
				if r, path, err := m.Validate(); err == nil && (len(path) > receipt.MaxDepth || r.Validate() != nil) {
					t.Fatalf("passed: %x", raw)
				}
			}
		default:
			var m types.MsgUpdateParams
			if m.Unmarshal(raw) == nil {
				_ = m.Params.Validate()
			}
		}
	})
}
