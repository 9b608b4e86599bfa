package call

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

var update = flag.Bool("update", false, "rewrite the golden frames in testdata")

type goldenFrame struct {
	Name string `json:"name"`
	Hex  string `json:"hex"`
}

func frames(tb testing.TB) (out []goldenFrame) {
	key := &secp256k1.PrivKey{Key: bytes.Repeat([]byte{1}, 32)}
	lane := receipt.Lane{Session: receipt.NewSessionID([]byte("owner"), 1), Router: receipt.Address{4}, Node: receipt.Address{2}}
	request, err := receipt.Request{Lane: lane, KeyID: 1, Nonce: 7, Digest: receipt.RequestDigest([]byte("hello")), MaxPrice: 100, IssuedMs: 1_790_000_000_000, App: "echo"}.Sign("emc-local-1", key)
	require.NoError(tb, err)
	voucher, err := receipt.Voucher{Lane: lane, KeyID: 1, Amount: 50, Root: receipt.EmptyRoot()}.Sign("emc-local-1", key)
	require.NoError(tb, err)
	voucher.RouterSignature = voucher.KeySignature
	signed, err := receipt.Receipt{Request: request, Units: 1, Amount: 10, StartedMs: 1, FinishedMs: 2, Status: receipt.StatusComplete}.Sign("emc-local-1", key)
	require.NoError(tb, err)
	must := func(b []byte, err error) []byte {
		require.NoError(tb, err)
		return b
	}
	public, err := receipt.ParsePublicKey(key.PubKey().Bytes())
	require.NoError(tb, err)
	customer, err := session.NewCustomer(session.CustomerConfig{ChainID: "emc-local-1", Session: lane.Session, Key: key, Public: public, KeyID: 1,
		Store: ledger.NewMemory(), Now: func() time.Time { return time.Unix(1_790_000_000, 0) }})
	require.NoError(tb, err)
	l, err := customer.Lane(receipt.Address{}, public, nil)
	require.NoError(tb, err)
	open, err := l.Begin("echo", receipt.Digest{}, 100)
	require.NoError(tb, err)
	l.Heard(open.Nonce, 30)
	l.Orphaned(open.Nonce)
	asked, err := l.Resume()
	require.NoError(tb, err)
	for _, f := range []struct {
		name string
		Frame
	}{
		{"resume", Frame{KindResume, must(asked.MarshalBinary())}},
		{"state", Frame{KindState, must(session.State{Nonce: 8, Count: 1, Root: receipt.LeafHash(nil), Vouched: 50, Voucher: &voucher, Receipts: []receipt.Receipt{signed}, Running: []uint64{5}, More: true}.MarshalBinary())}},
		{"call", Frame{KindCall, must(order{request, nil, []byte("hello")}.encode())}},
		{"call with voucher", Frame{KindCall, must(order{request, &voucher, []byte("hello")}.encode())}},
		{"data", Frame{KindData, piece{10, 1, []byte("h")}.encode()}},
		{"voucher", Frame{KindVoucher, must(voucher.MarshalBinary())}},
		{"settle", Frame{KindSettle, must(voucher.MarshalBinary())}},
		{"taken", Frame{KindTaken, number(50)}},
		{"receipt", Frame{KindReceipt, must(ending{receipt.Salt{9}, signed}.encode())}},
		{"cancel", Frame{KindCancel, nil}},
		{"error", Frame{KindError, told(session.ErrBusy, 2e9).encode()}},
		{"due", Frame{KindDue, number(60)}},
		{"cosign", Frame{KindCosign, must(voucher.MarshalBinary())}},
		{"signed", Frame{KindSigned, voucher.RouterSignature[:]}},
	} {
		b, err := AppendFrame(nil, f.Frame)
		require.NoError(tb, err)
		out = append(out, goldenFrame{f.name, hex.EncodeToString(b)})
	}
	return out
}

// Every byte on the wire stands in testdata/frames.json: a change here is a change of the protocol.
func TestGoldenFrames(t *testing.T) {
	path := filepath.Join("testdata", "frames.json")
	got := frames(t)
	if *update {
		b, err := json.MarshalIndent(got, "", "  ")
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, append(b, '\n'), 0o644))
	}
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	var want []goldenFrame
	require.NoError(t, json.Unmarshal(b, &want))
	require.Equal(t, want, got)
	for _, g := range got {
		raw, err := hex.DecodeString(g.Hex)
		require.NoError(t, err)
		f, err := ReadFrame(bytes.NewReader(raw))
		require.NoError(t, err, g.Name)
		again, err := AppendFrame(nil, f)
		require.NoError(t, err)
		require.Equal(t, raw, again)
		for cut := range raw {
			_, err := ReadFrame(bytes.NewReader(raw[:cut]))
			require.Error(t, err, "%s cut at %d", g.Name, cut)
		}
	}
}

func TestFrameBounds(t *testing.T) {
	for _, kind := range []Kind{0, 14, 255} {
		_, err := AppendFrame(nil, Frame{Kind: kind})
		require.ErrorIs(t, err, ErrFrame)
	}
	_, err := AppendFrame(nil, Frame{KindData, make([]byte, 17+MaxPiece)})
	require.ErrorIs(t, err, ErrFrame)
	for _, head := range []string{"0000000000", "0000000000", "ffffffff03", "00000402" + "05", "000000010e"} {
		raw, err := hex.DecodeString(head)
		require.NoError(t, err)
		_, err = ReadFrame(bytes.NewReader(raw))
		require.ErrorIs(t, err, ErrFrame, head)
	}
}

func TestErrorsCrossTheWire(t *testing.T) {
	for _, s := range sentinels {
		err := decodeError(told(s.err, 2e9).encode())
		require.ErrorIs(t, err, s.err)
	}
	hidden := told(session.ErrLedger, 0)
	require.Equal(t, CodeInternal, hidden.Code)
	err := decodeError(append([]byte{5, 0, 0, 0, 9}, "red \x1b[31m alert"...))
	require.EqualError(t, err, "red  [31m alert")
	require.ErrorIs(t, decodeError([]byte{1}), ErrFrame)
}

// FuzzFrame: what the reader accepts is the one encoding, and no decoder panics or accepts two encodings of one value.
func FuzzFrame(f *testing.F) {
	for _, g := range frames(f) {
		raw, _ := hex.DecodeString(g.Hex)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		frame, err := ReadFrame(bytes.NewReader(b))
		if err != nil {
			return
		}
		again, err := AppendFrame(nil, frame)
		if err != nil || !bytes.HasPrefix(b, again) {
			t.Fatal("two encodings of one frame", err)
		}
		same := func(got []byte, err error) {
			if err != nil || !bytes.Equal(got, frame.Payload) {
				t.Fatal("two encodings of one payload", err)
			}
		}
		switch frame.Kind {
		case KindCall:
			if o, err := decodeOrder(frame.Payload); err == nil {
				same(o.encode())
			}
		case KindData:
			if p, err := decodePiece(frame.Payload); err == nil {
				same(p.encode(), nil)
			}
		case KindReceipt:
			if e, err := decodeEnding(frame.Payload); err == nil {
				same(e.encode())
			}
		case KindError:
			_ = decodeError(frame.Payload)
		default:
			if n, err := frame.number(); err == nil {
				same(number(n), nil)
			}
		}
	})
}
