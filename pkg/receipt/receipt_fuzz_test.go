package receipt_test

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/edgematrix/emc/pkg/receipt"
)

// seeds adds the bytes of every hex string in the golden vectors.
func seeds(f *testing.F, add func([]byte)) {
	f.Helper()
	raw, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		f.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		f.Fatal(err)
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if b, err := hex.DecodeString(v); err == nil {
				add(b)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(tree)
	add(nil)
}

// once fails unless a value that was read from data is written as data.
func once(t *testing.T, data []byte, v interface{ MarshalBinary() ([]byte, error) }) {
	t.Helper()
	again, err := v.MarshalBinary()
	if err != nil || string(again) != string(data) {
		t.Fatalf("%x is read and written as %x (%v)", data, again, err)
	}
}

// Bytes that are read as a request are its one encoding, and never those of a receipt or a voucher of the same size.
func FuzzRequest(f *testing.F) {
	seeds(f, func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := receipt.UnmarshalRequest(data)
		if err != nil {
			return
		}
		once(t, data, r)
		if len(data) < receipt.MinRequestBytes || len(data) > receipt.MaxRequestBytes {
			t.Fatalf("a request of %d bytes", len(data))
		}
		b, err := receipt.RequestSignBytes(chainID, r)
		if err != nil || string(b[len(b)-(len(data)-64):]) != string(data[:len(data)-64]) {
			t.Fatalf("%x signs %x (%v)", data, b, err)
		}
	})
}

// Bytes that are read as a receipt are its one encoding, and verifying them never panics.
func FuzzReceipt(f *testing.F) {
	seeds(f, func(b []byte) { f.Add(b) })
	p := cast(f)
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := receipt.UnmarshalReceipt(data)
		if err != nil {
			return
		}
		once(t, data, r)
		once(t, data[8:8+len(encoded(t, r.Request))], r.Request)
		if r.Verify(chainID, p.session.public, p.node.public) == nil && (r.Amount > r.Request.MaxPrice || r.FinishedMs < r.StartedMs) {
			t.Fatalf("%x verifies", data)
		}
	})
}

// Bytes that are read as a voucher are its one encoding; what is signed of it is all but the signatures.
func FuzzVoucher(f *testing.F) {
	seeds(f, func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := receipt.UnmarshalVoucher(data)
		if err != nil {
			return
		}
		once(t, data, v)
		if v.Count == 0 && v.Root != receipt.EmptyRoot() || !v.Routed() && !v.RouterSignature.IsZero() {
			t.Fatalf("%x is taken", data)
		}
		b := receipt.CosignBytes(chainID, v)
		if string(b[len(b)-172:]) != string(data[:172]) {
			t.Fatalf("%x is co-signed as %x", data, b)
		}
	})
}

// Bytes that are read as a frontier are its one encoding, and the tree goes on from there.
func FuzzFrontier(f *testing.F) {
	seeds(f, func(b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, data []byte) {
		tree, err := receipt.UnmarshalFrontier(data)
		if err != nil {
			return
		}
		once(t, data, tree)
		count, root := tree.Count(), tree.Root()
		if err := tree.Append(data); err != nil {
			if count != receipt.MaxCount {
				t.Fatalf("a tree of %d receipts: %v", count, err)
			}
			return
		}
		if tree.Count() != count+1 || tree.Root() == root {
			t.Fatalf("a receipt changes nothing in a tree of %d", count)
		}
	})
}

// A path proves what BuildPath built, and nothing after a change; foreign ones are refused or lead elsewhere.
func FuzzPath(f *testing.F) {
	seeds(f, func(b []byte) { f.Add(b, uint64(7), uint64(3)) })
	f.Add([]byte{}, uint64(receipt.MaxCount), uint64(0))
	f.Fuzz(func(t *testing.T, data []byte, count, index uint64) {
		path, err := receipt.UnmarshalPath(data)
		if err != nil {
			return
		}
		once(t, data, path)
		if receipt.VerifyPath(receipt.EmptyRoot(), count, index, data, path) == nil {
			t.Fatal("a path leads to the root of no receipts")
		}
		if count %= 64; count == 0 {
			return
		}
		index %= count
		raw, hashes := leaves(int(count))
		built, err := receipt.BuildPath(hashes, index)
		if err != nil {
			t.Fatal(err)
		}
		root := naiveRoot(raw)
		if err := receipt.VerifyPath(root, count, index, raw[index], built); err != nil {
			t.Fatal(err)
		}
		if string(encoded(t, built)) != string(data) && receipt.VerifyPath(root, count, index, raw[index], path) == nil {
			t.Fatalf("leaf %d of %d is proven by %x too", index, count, data)
		}
	})
}
