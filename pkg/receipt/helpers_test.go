package receipt_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
)

const chainID = "emc-local-1"

// keyPair is a key as its owner has it, and as the others know it.
type keyPair struct {
	*secp256k1.PrivKey
	public receipt.PublicKey
}

func pair(tb testing.TB, b byte) keyPair {
	tb.Helper()
	key := &secp256k1.PrivKey{Key: bytes.Repeat([]byte{b}, 32)}
	public, err := receipt.ParsePublicKey(key.PubKey().Bytes())
	require.NoError(tb, err)
	return keyPair{key, public}
}

// parties are who takes part in the tests' lanes, and a stranger.
type parties struct{ session, node, router, stranger keyPair }

func cast(tb testing.TB) parties {
	return parties{pair(tb, 1), pair(tb, 2), pair(tb, 3), pair(tb, 4)}
}

func (p parties) lane(routed bool) receipt.Lane {
	lane := receipt.Lane{Session: receipt.NewSessionID(p.session.public.Bytes()[:20], 7), Node: p.node.public.Address()}
	if routed {
		lane.Router = p.router.public.Address()
	}
	return lane
}

func (p parties) unsignedRequest() receipt.Request {
	return receipt.Request{
		Lane: p.lane(true), KeyID: 1, Nonce: 0xfedcba9876543210, Digest: receipt.RequestDigest([]byte("hello")),
		MaxPrice: 1_000_000, IssuedMs: 1_790_000_000_000, App: "llama-3.1_8b",
	}
}

func (p parties) request(tb testing.TB) receipt.Request {
	tb.Helper()
	r, err := p.unsignedRequest().Sign(chainID, p.session)
	require.NoError(tb, err)
	return r
}

func (p parties) unsignedReceipt(tb testing.TB) receipt.Receipt {
	return receipt.Receipt{
		Sequence: 41, Request: p.request(tb), ResponseDigest: receipt.ResponseDigest([]byte("world"), receipt.Salt{9}),
		Units: 1234, Amount: 999_999, StartedMs: 1_790_000_000_100, FinishedMs: 1_790_000_002_100, Status: receipt.StatusComplete,
	}
}

func (p parties) receipt(tb testing.TB) receipt.Receipt {
	tb.Helper()
	r, err := p.unsignedReceipt(tb).Sign(chainID, p.node)
	require.NoError(tb, err)
	return r
}

// force signs a receipt that an honest node would not.
func (p parties) force(tb testing.TB, r receipt.Receipt) receipt.Receipt {
	tb.Helper()
	b, err := receipt.ReceiptSignBytes(chainID, r)
	require.NoError(tb, err)
	raw, err := p.node.Sign(b)
	require.NoError(tb, err)
	r.Signature = receipt.Signature(raw)
	return r
}

func (p parties) unsignedVoucher(routed bool) receipt.Voucher {
	return receipt.Voucher{Lane: p.lane(routed), KeyID: 1, Amount: 42_000_000, Count: 42, Root: receipt.LeafHash([]byte("a tree"))}
}

func (p parties) voucher(tb testing.TB, routed bool) receipt.Voucher {
	tb.Helper()
	v, err := p.unsignedVoucher(routed).Sign(chainID, p.session)
	require.NoError(tb, err)
	if routed {
		v, err = v.Cosign(chainID, p.router)
		require.NoError(tb, err)
	}
	return v
}

func longestApp() string { return strings.Repeat("z", receipt.MaxAppBytes) }

// testT is what both testing.TB and rapid.T are.
type testT interface {
	require.TestingT
	Helper()
}

func encoded(tb testT, v interface{ MarshalBinary() ([]byte, error) }) []byte {
	tb.Helper()
	b, err := v.MarshalBinary()
	require.NoError(tb, err)
	return b
}
