package receipt_test

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"math/big"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
)

var update = flag.Bool("update", false, "rewrite the golden vectors in testdata")

// Every signed or hashed byte stands in testdata/vectors.json: a change here is a change of the protocol.
func TestVectors(t *testing.T) {
	p := cast(t)
	got := vectors{ChainID: chainID}
	for _, k := range []struct {
		name string
		key  keyPair
	}{{"session", p.session}, {"node", p.node}, {"router", p.router}} {
		address := k.key.public.Address()
		got.Keys = append(got.Keys, keyVector{k.name, hex.EncodeToString(k.key.Key), hex.EncodeToString(k.key.public.Bytes()), address, hex.EncodeToString(address[:])})
	}
	for _, owner := range [][]byte{p.session.public.Bytes()[:20], make([]byte, 32)} {
		for _, sequence := range []uint64{0, 7, 1 << 40} {
			got.Sessions = append(got.Sessions, sessionVector{hex.EncodeToString(owner), sequence, receipt.NewSessionID(owner, sequence)})
		}
	}
	for _, s := range []string{"", "hello", "ü\n"} {
		got.Digests = append(got.Digests, digestVector{hex.EncodeToString([]byte(s)), receipt.Salt{9}, receipt.RequestDigest([]byte(s)), receipt.ResponseDigest([]byte(s), receipt.Salt{9})})
	}

	direct, longest := p.unsignedRequest(), p.unsignedRequest()
	direct.Lane, direct.Nonce, direct.MaxPrice, direct.IssuedMs, direct.App = p.lane(false), 0, 0, 0, "ab"
	longest.KeyID, longest.Nonce, longest.MaxPrice, longest.App = 1<<32-1, 1<<64-1, receipt.MaxNumber, longestApp()
	got.Requests = []requestVector{
		requestOf(t, p, "through a router", p.unsignedRequest()), requestOf(t, p, "without a router, least values", direct),
		requestOf(t, p, "greatest values", longest),
	}
	failed, greatest := p.unsignedReceipt(t), p.unsignedReceipt(t)
	failed.Request, failed.Sequence, failed.Units, failed.Amount, failed.Status = got.Requests[1].Request, 0, 0, 0, receipt.StatusFailed
	greatest.Request, greatest.Sequence, greatest.Units, greatest.Amount = got.Requests[2].Request, receipt.MaxCount-1, receipt.MaxNumber, receipt.MaxNumber
	greatest.Status = receipt.StatusCancelled
	got.Receipts = []receiptVector{
		receiptOf(t, p, "complete", p.unsignedReceipt(t)), receiptOf(t, p, "failed, without a router", failed),
		receiptOf(t, p, "cancelled, greatest values", greatest),
	}
	prepaid := receipt.Voucher{Lane: p.lane(true), KeyID: 2, Amount: 5, Root: receipt.EmptyRoot()}
	most := p.unsignedVoucher(true)
	most.KeyID, most.Amount, most.Count = 1<<32-1, receipt.MaxNumber, receipt.MaxCount
	got.Vouchers = []voucherVector{
		voucherOf(t, p, "through a router", p.unsignedVoucher(true)), voucherOf(t, p, "without a router", p.unsignedVoucher(false)),
		voucherOf(t, p, "ahead of the first receipt", prepaid), voucherOf(t, p, "greatest values", most),
	}
	for count := range uint64(18) {
		got.Trees = append(got.Trees, treeOf(t, count))
	}
	got.Trees = append(got.Trees, treeOf(t, 1000))
	for _, c := range [][2]uint64{{1, 0}, {2, 0}, {2, 1}, {3, 2}, {7, 0}, {7, 5}, {7, 6}, {8, 3}, {17, 15}, {17, 16}, {1000, 0}, {1000, 511}, {1000, 999}} {
		got.Paths = append(got.Paths, pathOf(t, c[0], c[1]))
	}
	got.Rejected = rejected(t, p)

	path := filepath.Join("testdata", "vectors.json")
	if *update {
		data, err := json.MarshalIndent(got, "", " ")
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, append(data, '\n'), 0o644))
	}
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	var want vectors
	require.NoError(t, json.Unmarshal(data, &want))
	require.Equal(t, want, got, "a format changed: every signature and root that stands depends on it")
	checkVectors(t, p, want)
}

// checkVectors is the other direction: from the bytes in the file alone.
func checkVectors(t *testing.T, p parties, want vectors) {
	for _, v := range want.Requests {
		require.NoError(t, p.judge("request", unhex(t, v.Encoding)), v.Name)
	}
	for _, v := range want.Receipts {
		require.NoError(t, p.judge("receipt", unhex(t, v.Encoding)), v.Name)
		require.Equal(t, v.LeafHash, receipt.LeafHash(unhex(t, v.Encoding)))
	}
	for _, v := range want.Vouchers {
		require.NoError(t, p.judge("voucher", unhex(t, v.Encoding)), v.Name)
	}
	roots := map[uint64]receipt.Digest{}
	for _, v := range want.Trees {
		f, err := receipt.UnmarshalFrontier(unhex(t, v.Frontier))
		require.NoError(t, err)
		require.Equal(t, v.Root, f.Root())
		roots[v.Count] = v.Root
	}
	for _, v := range want.Paths {
		path, err := receipt.UnmarshalPath(unhex(t, v.Path))
		require.NoError(t, err)
		require.NoError(t, receipt.VerifyPath(roots[v.Count], v.Count, v.Index, plainLeaf(v.Index), path))
	}
	for _, v := range want.Rejected {
		require.NotNil(t, faults[v.Fault], v.Fault)
		require.ErrorIs(t, p.judge(v.Kind, unhex(t, v.Encoding)), faults[v.Fault], v.Name)
	}
}

// rejected are bytes that other implementations may be tempted to take.
func rejected(t *testing.T, p parties) (out []rejectedVector) {
	add := func(name, kind, fault string, data []byte) {
		out = append(out, rejectedVector{name, kind, hex.EncodeToString(data), fault})
	}
	change := func(data []byte, at int, b ...byte) []byte {
		data = append([]byte(nil), data...)
		copy(data[at:], b)
		return data
	}
	high := func(data []byte, at int) []byte {
		s := new(big.Int).Sub(order, new(big.Int).SetBytes(data[at+32:at+64]))
		return change(data, at+32, s.FillBytes(make([]byte, 32))...)
	}
	request, rec, v := encoded(t, p.request(t)), encoded(t, p.receipt(t)), encoded(t, p.voucher(t, true))
	add("a byte behind it", "request", "length", append(request[:len(request):len(request)], 0))
	add("cut off", "request", "length", request[:len(request)-1])
	add("key id 0", "request", "key_id", change(request, 16, 0, 0, 0, 0))
	add("no node", "request", "lane", change(request, 40, make([]byte, 20)...))
	add("max_price 2^63", "request", "number", change(request, 100, 0x80))
	add("app in upper case", "request", "app", change(request, 117, 'L'))
	add("high S", "request", "session_signature", high(request, len(request)-64))
	add("high S of the node", "receipt", "node_signature", high(rec, len(rec)-64))
	add("high S of the request within", "receipt", "session_signature", high(rec, 8+len(request)-64))
	add("status 4", "receipt", "status", change(rec, len(rec)-65, 4))
	add("sequence 2^40", "receipt", "count", change(rec, 0, 0, 0, 1))
	over, late, paid := p.unsignedReceipt(t), p.unsignedReceipt(t), p.unsignedReceipt(t)
	over.Amount, late.FinishedMs, paid.Status = over.Request.MaxPrice+1, late.StartedMs-1, receipt.StatusFailed
	add("signed, above the maximum price", "receipt", "price", encoded(t, p.force(t, over)))
	add("signed, finished before it started", "receipt", "time", encoded(t, p.force(t, late)))
	add("signed, failed and not free", "receipt", "failed", encoded(t, p.force(t, paid)))
	strange := p.unsignedReceipt(t)
	strange.Request.Node = p.stranger.public.Address()
	strange.Request, _ = strange.Request.Sign(chainID, p.session)
	add("signed by another node than asked", "receipt", "node", encoded(t, p.force(t, strange)))
	add("high S of the key", "voucher", "session_signature", high(v, 108))
	add("high S of the router", "voucher", "router_signature", high(v, 172))
	add("not co-signed", "voucher", "router_signature", change(v, 172, make([]byte, 64)...))
	add("co-signed without a router", "voucher", "router", change(v, 20, make([]byte, 20)...))
	add("a root of no receipts", "voucher", "root", change(v, 68, make([]byte, 8)...))
	add("count 2^40+1", "voucher", "count", change(v, 68, 0, 0, 1, 0, 0, 0, 0, 1))
	add("amount 2^63", "voucher", "number", change(v, 60, 0x80))
	return out
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}
