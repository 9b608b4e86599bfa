package session

import (
	"bytes"
	"testing"

	"github.com/edgematrix/emc/pkg/receipt"
)

// Whatever a record decoder accepts is the one encoding of what it returns.

func FuzzCustomerRecord(f *testing.F) {
	var p purse
	for range 5 {
		_ = p.tree.Append([]byte("leaf"))
	}
	p.sum, p.vouched, p.nextNonce, p.ceiling, p.quarantine = 1, 2, 3, 3, "why"
	f.Add(p.encode())
	f.Add(purse{}.encode())
	f.Add(p.encode()[:len(p.encode())-4*8]) // an earlier build's
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := decodePurse(b)
		if err == nil && (p.ceiling < p.nextNonce || p.lost.any() && len(p.encode()) != len(b)) {
			t.Fatal("a nonce could be used twice")
		}
		if err == nil && !bytes.HasPrefix(p.encode(), b) { // an earlier build's ends before the nonces that are set aside
			t.Fatal("two encodings of one standing")
		}
	})
}

func FuzzNodeRecord(f *testing.F) {
	var v till
	v.nonces.use(70)
	f.Add(mustEncode(v.encode()))
	v.best = receipt.Voucher{Lane: receipt.Lane{Node: receipt.Address{1}}, KeyID: 1, Amount: 5, Root: receipt.EmptyRoot()}
	f.Add(mustEncode(v.encode()))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := decodeTill(b)
		if err == nil && !bytes.Equal(mustEncode(v.encode()), b) {
			t.Fatal("two encodings of one standing")
		}
	})
}

func fuzzRequest() receipt.Request {
	return receipt.Request{Lane: receipt.Lane{Node: receipt.Address{1}}, KeyID: 1, Nonce: 3, MaxPrice: 9, App: "echo"}
}

func FuzzCallRecords(f *testing.F) {
	f.Add(mustEncode(openCall{request: fuzzRequest(), prepaid: 3, heard: 2}.encode()))
	f.Add(mustEncode(runningCall{request: fuzzRequest(), startedMs: 1, units: 2, delivered: 3}.encode()))
	f.Add(signedRecord(receipt.EmptyRoot(), mustEncode(receipt.Receipt{Request: fuzzRequest(), Status: 1}.MarshalBinary())))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, err := decodeCall(b); err == nil && !bytes.Equal(mustEncode(c.encode()), b) {
			t.Fatal("two encodings of an open call")
		}
		if c, err := decodeRunning(b); err == nil && !bytes.Equal(mustEncode(c.encode()), b) {
			t.Fatal("two encodings of a running call")
		}
		if root, r, err := decodeSigned(b); err == nil && !bytes.Equal(signedRecord(root, mustEncode(r.MarshalBinary())), b) {
			t.Fatal("two encodings of a receipt")
		}
	})
}

func FuzzResume(f *testing.F) {
	r := Resume{Request: fuzzRequest(), Count: 1, Calls: []Heard{{1, 2}, {3, 4}}}
	r.Request.App, r.Request.MaxPrice, r.Request.Digest = ResumeApp, 0, receipt.RequestDigest(r.body())
	f.Add(mustEncode(r.MarshalBinary()))
	s := State{Nonce: 1, Count: 1, Receipts: []receipt.Receipt{{Request: fuzzRequest(), Status: 1}}, Running: []uint64{1}, More: true}
	f.Add(mustEncode(s.MarshalBinary()))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := UnmarshalResume(b); err == nil && !bytes.Equal(mustEncode(r.MarshalBinary()), b) {
			t.Fatal("two encodings of a question")
		}
		if s, err := UnmarshalState(b); err == nil && !bytes.Equal(mustEncode(s.MarshalBinary()), b) {
			t.Fatal("two encodings of an answer")
		}
	})
}

func mustEncode(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestNonces(t *testing.T) {
	var n nonces
	for i := uint64(0); i < 5000; i += 3 {
		if n.seen(i) {
			t.Fatal("new", i)
		}
		n.use(i)
		if !n.seen(i) || n.count() > nonceWindow {
			t.Fatal("used", i, n.count())
		}
	}
	n.raise(6000)
	if n.count() != 0 || !n.seen(5999) || n.seen(6000) {
		t.Fatal("raised", n.count())
	}
}
