package receipt_test

import (
	"testing"

	"github.com/edgematrix/emc/pkg/receipt"
)

// BenchmarkCallCycle is the cryptography of one call through a router, of all three parties together: the customer signs
// a request, the node verifies it and signs the receipt, the customer verifies that and signs a voucher, the router
// co-signs, and the node verifies both signatures.
func BenchmarkCallCycle(b *testing.B) {
	p := cast(b)
	plain := []receipt.PublicKey{p.session.public, p.node.public, p.router.public}
	fast := make([]receipt.PublicKey, len(plain))
	for i, key := range plain {
		fast[i] = key.Precompute()
	}
	b.Run("plain", func(b *testing.B) { p.cycles(b, plain, false) })
	b.Run("precomputed", func(b *testing.B) { p.cycles(b, fast, false) })
	b.Run("precomputed, own request", func(b *testing.B) { p.cycles(b, fast, true) })
}

func (p parties) cycles(b *testing.B, keys []receipt.PublicKey, own bool) {
	session, node, router := keys[0], keys[1], keys[2]
	fast := func(key keyPair) *receipt.SecretKey {
		k, err := receipt.ParseSecretKey(key.Key)
		if err != nil {
			b.Fatal(err)
		}
		return k
	}
	sessionKey, nodeKey, routerKey := fast(p.session), fast(p.node), fast(p.router)
	unsigned, rec, voucher := p.unsignedRequest(), p.unsignedReceipt(b), p.unsignedVoucher(true)
	ok := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		unsigned.Nonce++
		request, err := unsigned.Sign(chainID, sessionKey)
		ok(err)
		ok(request.Verify(chainID, session))
		rec.Request = request
		signed, err := rec.Sign(chainID, nodeKey)
		ok(err)
		if own { // the customer compares instead of verifying his own signature
			ok(signed.VerifyFor(chainID, request, node))
		} else {
			ok(signed.Verify(chainID, session, node))
		}
		voucher.Amount++
		v, err := voucher.Sign(chainID, sessionKey)
		ok(err)
		v, err = v.Cosign(chainID, routerKey)
		ok(err)
		ok(v.VerifyKey(chainID, session))
		ok(v.VerifyRouter(chainID, router))
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "cycles/s")
}

func BenchmarkSign(b *testing.B) {
	p := cast(b)
	fast, err := receipt.ParseSecretKey(p.session.Key)
	if err != nil {
		b.Fatal(err)
	}
	for name, key := range map[string]receipt.Signer{"sdk": p.session, "fast": fast} {
		b.Run(name, func(b *testing.B) {
			v := p.unsignedVoucher(true)
			for b.Loop() {
				v.Amount++
				if _, err := v.Sign(chainID, key); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	p := cast(b)
	v := p.voucher(b, true)
	for name, key := range map[string]receipt.PublicKey{"plain": p.session.public, "precomputed": p.session.public.Precompute()} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := v.VerifyKey(chainID, key); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkPrecompute(b *testing.B) {
	p := cast(b)
	for b.Loop() {
		p.session.public.Precompute()
	}
}

func BenchmarkAppend(b *testing.B) {
	p := cast(b)
	data := encoded(b, p.receipt(b))
	var f receipt.Frontier
	for b.Loop() {
		if err := f.Append(data); err != nil {
			b.Fatal(err)
		}
		f.Root()
	}
}
