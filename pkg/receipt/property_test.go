package receipt_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/edgematrix/emc/pkg/receipt"
)

func bytesOf(r *rapid.T, n int, name string) []byte {
	return rapid.SliceOfN(rapid.Byte(), n, n).Draw(r, name)
}

func drawLane(r *rapid.T) receipt.Lane {
	l := receipt.Lane{Session: receipt.SessionID(bytesOf(r, 16, "session")), Node: receipt.Address(bytesOf(r, 20, "node"))}
	if rapid.Bool().Draw(r, "routed") {
		l.Router = receipt.Address(bytesOf(r, 20, "router"))
	}
	l.Node[0] |= 1
	return l
}

func drawNumber(r *rapid.T, name string) uint64 {
	return rapid.Uint64Range(0, receipt.MaxNumber).Draw(r, name)
}

func drawRequest(r *rapid.T) receipt.Request {
	return receipt.Request{
		Lane: drawLane(r), KeyID: rapid.Uint32Min(1).Draw(r, "key_id"), Nonce: rapid.Uint64().Draw(r, "nonce"),
		Digest: receipt.Digest(bytesOf(r, 32, "digest")), MaxPrice: drawNumber(r, "max_price"), IssuedMs: drawNumber(r, "issued_ms"),
		App: rapid.StringMatching(`[a-z][a-z0-9._\-]{1,63}`).Draw(r, "app"), Signature: receipt.Signature(bytesOf(r, 64, "signature")),
	}
}

// What is written is read back as it was, and nothing else is written for it.
func TestRoundTrips(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		request := drawRequest(r)
		data := encoded(r, request)
		readRequest, err := receipt.UnmarshalRequest(data)
		require.NoError(r, err)
		require.Equal(r, request, readRequest)

		rec := receipt.Receipt{
			Sequence: rapid.Uint64Range(0, receipt.MaxCount-1).Draw(r, "sequence"), Request: request,
			ResponseDigest: receipt.Digest(bytesOf(r, 32, "response")), Units: drawNumber(r, "units"), Amount: drawNumber(r, "amount"),
			StartedMs: drawNumber(r, "started"), FinishedMs: drawNumber(r, "finished"),
			Status: receipt.Status(rapid.IntRange(1, 3).Draw(r, "status")), Signature: receipt.Signature(bytesOf(r, 64, "node signature")),
		}
		data = encoded(r, rec)
		readReceipt, err := receipt.UnmarshalReceipt(data)
		require.NoError(r, err)
		require.Equal(r, rec, readReceipt)

		v := receipt.Voucher{
			Lane: drawLane(r), KeyID: rapid.Uint32Min(1).Draw(r, "voucher key_id"), Amount: drawNumber(r, "voucher amount"),
			Count: rapid.Uint64Range(1, receipt.MaxCount).Draw(r, "count"), Root: receipt.Digest(bytesOf(r, 32, "root")),
			KeySignature: receipt.Signature(bytesOf(r, 64, "key signature")),
		}
		if v.Routed() {
			v.RouterSignature = receipt.Signature(bytesOf(r, 64, "router signature"))
		}
		data = encoded(r, v)
		readVoucher, err := receipt.UnmarshalVoucher(data)
		require.NoError(r, err)
		require.Equal(r, v, readVoucher)

		address, err := receipt.ParseAddress(v.Router.String())
		require.NoError(r, err)
		require.Equal(r, v.Router, address)
	})
}

// A tree that is put away at any moment goes on as if nothing had happened, and every leaf is proven in it.
func TestTreesAtRandomPoints(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(r, "leaves")
		raw, hashes := leaves(n)
		var f receipt.Frontier
		for i := range n {
			if rapid.Bool().Draw(r, "restart") {
				again, err := receipt.UnmarshalFrontier(encoded(r, f))
				require.NoError(r, err)
				require.Equal(r, f, again)
				f = again
			}
			require.NoError(r, f.Append(raw[i]))
		}
		require.Equal(r, naiveRoot(raw), f.Root())
		i := rapid.IntRange(0, n-1).Draw(r, "index")
		path, err := receipt.BuildPath(hashes, uint64(i))
		require.NoError(r, err)
		require.NoError(r, receipt.VerifyPath(f.Root(), f.Count(), uint64(i), raw[i], path))
	})
}

// An answer's digest does not depend on how it is cut, and the salt changes it.
func TestResponseHashInPieces(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		response := rapid.SliceOf(rapid.Byte()).Draw(r, "response")
		salt := receipt.Salt(bytesOf(r, 32, "salt"))
		h := receipt.NewResponseHash()
		for rest := response; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(r, "piece")
			h.Write(rest[:n])
			rest = rest[n:]
		}
		require.Equal(r, receipt.ResponseDigest(response, salt), h.Digest(salt))
		other := salt
		other[31]++
		require.NotEqual(r, h.Digest(salt), h.Digest(other))
		require.NotEqual(r, receipt.RequestDigest(response), h.Digest(salt))
	})
}
