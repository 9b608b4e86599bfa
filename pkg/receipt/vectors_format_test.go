package receipt_test

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
)

// vectors are every value from a key to a path. docs/receipts.md says what each name means; all bytes are hex.
type vectors struct {
	ChainID  string           `json:"chain_id"`
	Keys     []keyVector      `json:"keys"`
	Sessions []sessionVector  `json:"sessions"`
	Digests  []digestVector   `json:"digests"`
	Requests []requestVector  `json:"requests"`
	Receipts []receiptVector  `json:"receipts"`
	Vouchers []voucherVector  `json:"vouchers"`
	Trees    []treeVector     `json:"trees"`
	Paths    []pathVector     `json:"paths"`
	Rejected []rejectedVector `json:"rejected"`
}

type keyVector struct {
	Name    string          `json:"name"`
	Secret  string          `json:"secret"`
	Public  string          `json:"public"`
	Address receipt.Address `json:"address"`
	Raw     string          `json:"address_bytes"`
}

type sessionVector struct {
	Owner    string            `json:"owner"`
	Sequence uint64            `json:"sequence"`
	ID       receipt.SessionID `json:"id"`
}

type digestVector struct {
	Bytes    string         `json:"bytes"`
	Salt     receipt.Salt   `json:"salt"`
	Request  receipt.Digest `json:"request_digest"`
	Response receipt.Digest `json:"response_digest"`
}

type requestVector struct {
	Name      string          `json:"name"`
	Request   receipt.Request `json:"request"`
	SignBytes string          `json:"sign_bytes"`
	Encoding  string          `json:"encoding"`
}

type receiptVector struct {
	Name      string          `json:"name"`
	Receipt   receipt.Receipt `json:"receipt"`
	SignBytes string          `json:"sign_bytes"`
	Encoding  string          `json:"encoding"`
	LeafHash  receipt.Digest  `json:"leaf_hash"`
}

type voucherVector struct {
	Name      string          `json:"name"`
	Voucher   receipt.Voucher `json:"voucher"`
	SignBytes string          `json:"sign_bytes"`
	Cosign    string          `json:"cosign_bytes,omitempty"`
	Encoding  string          `json:"encoding"`
}

// treeVector is the tree of the leaves 0 to count−1, of which each is its index as a u64.
type treeVector struct {
	Count    uint64         `json:"count"`
	Root     receipt.Digest `json:"root"`
	Frontier string         `json:"frontier"`
}

type pathVector struct {
	Count uint64 `json:"count"`
	Index uint64 `json:"index"`
	Path  string `json:"path"`
}

// rejectedVector is refused by reading it, or by verifying it with the keys above.
type rejectedVector struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	Encoding string `json:"encoding"`
	Fault    string `json:"fault"`
}

// faults are the errors by their names in the vectors.
var faults = map[string]error{
	"length": receipt.ErrLength, "lane": receipt.ErrLane, "key_id": receipt.ErrKeyID, "app": receipt.ErrApp, "status": receipt.ErrStatus,
	"number": receipt.ErrNumber, "count": receipt.ErrCount, "root": receipt.ErrRoot, "price": receipt.ErrPrice, "time": receipt.ErrTime,
	"failed": receipt.ErrFailed, "node": receipt.ErrNode, "router": receipt.ErrRouter, "session_signature": receipt.ErrSessionSignature,
	"node_signature": receipt.ErrNodeSignature, "router_signature": receipt.ErrRouterSignature,
}

// judge reads an encoding and verifies it as its receivers do.
func (p parties) judge(kind string, data []byte) error {
	switch kind {
	case "request":
		r, err := receipt.UnmarshalRequest(data)
		if err != nil {
			return err
		}
		return r.Verify(chainID, p.session.public)
	case "receipt":
		r, err := receipt.UnmarshalReceipt(data)
		if err != nil {
			return err
		}
		return r.Verify(chainID, p.session.public, p.node.public)
	}
	v, err := receipt.UnmarshalVoucher(data)
	if err != nil {
		return err
	}
	if err := v.VerifyKey(chainID, p.session.public); err != nil || !v.Routed() {
		return err
	}
	return v.VerifyRouter(chainID, p.router.public)
}

func plainLeaf(i uint64) []byte { return binary.BigEndian.AppendUint64(nil, i) }

func treeOf(t *testing.T, count uint64) treeVector {
	var f receipt.Frontier
	for i := range count {
		require.NoError(t, f.Append(plainLeaf(i)))
	}
	return treeVector{count, f.Root(), hex.EncodeToString(encoded(t, f))}
}

func pathOf(t *testing.T, count, index uint64) pathVector {
	var hashes []receipt.Digest
	for i := range count {
		hashes = append(hashes, receipt.LeafHash(plainLeaf(i)))
	}
	path, err := receipt.BuildPath(hashes, index)
	require.NoError(t, err)
	return pathVector{count, index, hex.EncodeToString(encoded(t, path))}
}

func requestOf(t *testing.T, p parties, name string, r receipt.Request) requestVector {
	r, err := r.Sign(chainID, p.session)
	require.NoError(t, err)
	b, err := receipt.RequestSignBytes(chainID, r)
	require.NoError(t, err)
	return requestVector{name, r, hex.EncodeToString(b), hex.EncodeToString(encoded(t, r))}
}

func receiptOf(t *testing.T, p parties, name string, r receipt.Receipt) receiptVector {
	r, err := r.Sign(chainID, p.node)
	require.NoError(t, err)
	b, err := receipt.ReceiptSignBytes(chainID, r)
	require.NoError(t, err)
	data := encoded(t, r)
	return receiptVector{name, r, hex.EncodeToString(b), hex.EncodeToString(data), receipt.LeafHash(data)}
}

func voucherOf(t *testing.T, p parties, name string, v receipt.Voucher) voucherVector {
	v, err := v.Sign(chainID, p.session)
	require.NoError(t, err)
	out := voucherVector{Name: name, SignBytes: hex.EncodeToString(receipt.VoucherSignBytes(chainID, v))}
	if v.Routed() {
		out.Cosign = hex.EncodeToString(receipt.CosignBytes(chainID, v))
		v, err = v.Cosign(chainID, p.router)
		require.NoError(t, err)
	}
	out.Voucher, out.Encoding = v, hex.EncodeToString(encoded(t, v))
	return out
}
