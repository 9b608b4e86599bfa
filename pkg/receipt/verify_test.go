package receipt_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
)

func TestHonestPartiesAgree(t *testing.T) {
	p := cast(t)
	request := p.request(t)
	require.NoError(t, request.Verify(chainID, p.session.public))
	r := p.receipt(t)
	require.NoError(t, r.Verify(chainID, p.session.public, p.node.public))
	require.NoError(t, r.VerifyFor(chainID, request, p.node.public))
	v := p.voucher(t, true)
	require.NoError(t, v.VerifyKey(chainID, p.session.public))
	require.NoError(t, v.VerifyRouter(chainID, p.router.public))
	require.NoError(t, p.voucher(t, false).VerifyKey(chainID, p.session.public))
}

// Signatures are the chain's own: the SDK makes and takes them.
func TestSignaturesAreTheChains(t *testing.T) {
	p := cast(t)
	v := p.voucher(t, true)
	require.True(t, p.session.PubKey().VerifySignature(receipt.VoucherSignBytes(chainID, v), v.KeySignature[:]))
	require.True(t, p.router.PubKey().VerifySignature(receipt.CosignBytes(chainID, v), v.RouterSignature[:]))
	require.Equal(t, []byte(p.node.PubKey().Address()), r20(p.node.public.Address()))
	require.Equal(t, p.node.PubKey().Bytes(), p.node.public.Bytes())
}

func r20(a receipt.Address) []byte { return a[:] }

func TestRequestIsRefused(t *testing.T) {
	p := cast(t)
	for name, c := range map[string]struct {
		spoil func(*receipt.Request)
		chain string
		key   keyPair
		want  error
	}{
		"another chain":        {chain: "emc-local-2", want: receipt.ErrSessionSignature},
		"another key":          {key: p.stranger, want: receipt.ErrSessionSignature},
		"another session":      {spoil: func(r *receipt.Request) { r.Session[0]++ }, want: receipt.ErrSessionSignature},
		"another key id":       {spoil: func(r *receipt.Request) { r.KeyID++ }, want: receipt.ErrSessionSignature},
		"another node":         {spoil: func(r *receipt.Request) { r.Node[19]++ }, want: receipt.ErrSessionSignature},
		"another router":       {spoil: func(r *receipt.Request) { r.Router[0]++ }, want: receipt.ErrSessionSignature},
		"no router":            {spoil: func(r *receipt.Request) { r.Router = receipt.Address{} }, want: receipt.ErrSessionSignature},
		"another nonce":        {spoil: func(r *receipt.Request) { r.Nonce++ }, want: receipt.ErrSessionSignature},
		"another call":         {spoil: func(r *receipt.Request) { r.Digest[5]++ }, want: receipt.ErrSessionSignature},
		"a higher price":       {spoil: func(r *receipt.Request) { r.MaxPrice++ }, want: receipt.ErrSessionSignature},
		"another time":         {spoil: func(r *receipt.Request) { r.IssuedMs++ }, want: receipt.ErrSessionSignature},
		"another app":          {spoil: func(r *receipt.Request) { r.App += "x" }, want: receipt.ErrSessionSignature},
		"no signature":         {spoil: func(r *receipt.Request) { r.Signature = receipt.Signature{} }, want: receipt.ErrSessionSignature},
		"no node":              {spoil: func(r *receipt.Request) { r.Node = receipt.Address{} }, want: receipt.ErrLane},
		"key id 0":             {spoil: func(r *receipt.Request) { r.KeyID = 0 }, want: receipt.ErrKeyID},
		"an absurd price":      {spoil: func(r *receipt.Request) { r.MaxPrice = 1 << 63 }, want: receipt.ErrNumber},
		"an absurd time":       {spoil: func(r *receipt.Request) { r.IssuedMs = 1 << 63 }, want: receipt.ErrNumber},
		"no app":               {spoil: func(r *receipt.Request) { r.App = "" }, want: receipt.ErrApp},
		"a short app":          {spoil: func(r *receipt.Request) { r.App = "a" }, want: receipt.ErrApp},
		"a long app":           {spoil: func(r *receipt.Request) { r.App = longestApp() + "z" }, want: receipt.ErrApp},
		"an app of 256 bytes":  {spoil: func(r *receipt.Request) { r.App = strings.Repeat("a", 256) }, want: receipt.ErrApp},
		"an app with a digit":  {spoil: func(r *receipt.Request) { r.App = "1a" }, want: receipt.ErrApp},
		"an app in upper case": {spoil: func(r *receipt.Request) { r.App = "aB" }, want: receipt.ErrApp},
		"an app with a slash":  {spoil: func(r *receipt.Request) { r.App = "a/../b" }, want: receipt.ErrApp},
		"an app with an ü":     {spoil: func(r *receipt.Request) { r.App = "aü" }, want: receipt.ErrApp},
	} {
		t.Run(name, func(t *testing.T) {
			r, chain, key := p.request(t), chainID, p.session
			if c.spoil != nil {
				c.spoil(&r)
			}
			if c.chain != "" {
				chain = c.chain
			}
			if c.key.PrivKey != nil {
				key = c.key
			}
			require.ErrorIs(t, r.Verify(chain, key.public), c.want)
			if !errors.Is(c.want, receipt.ErrSessionSignature) { // what is malformed is neither signed nor encoded
				_, err := r.Sign(chainID, p.session)
				require.ErrorIs(t, err, c.want)
				_, err = r.MarshalBinary()
				require.ErrorIs(t, err, c.want)
			}
		})
	}
}

// A node that signs something false is found out; an honest one does not sign it.
func TestReceiptIsRefused(t *testing.T) {
	p := cast(t)
	for name, c := range map[string]struct {
		spoil func(*receipt.Receipt)
		want  error
	}{
		"above the price":  {func(r *receipt.Receipt) { r.Amount = r.Request.MaxPrice + 1 }, receipt.ErrPrice},
		"finished earlier": {func(r *receipt.Receipt) { r.FinishedMs = r.StartedMs - 1 }, receipt.ErrTime},
		"failed, and paid": {func(r *receipt.Receipt) { r.Status = receipt.StatusFailed }, receipt.ErrFailed},
		"another's lane":   {func(r *receipt.Receipt) { r.Request.Node = p.stranger.public.Address() }, receipt.ErrNode},
		"a changed order":  {func(r *receipt.Receipt) { r.Request.MaxPrice++ }, receipt.ErrSessionSignature},
		"an own order":     {func(r *receipt.Receipt) { r.Request, _ = r.Request.Sign(chainID, p.node) }, receipt.ErrSessionSignature},
	} {
		t.Run(name, func(t *testing.T) {
			r := p.unsignedReceipt(t)
			c.spoil(&r)
			r = p.force(t, r)
			require.ErrorIs(t, r.Verify(chainID, p.session.public, p.node.public), c.want)
			require.Error(t, r.VerifyFor(chainID, p.request(t), p.node.public))
			if errors.Is(c.want, receipt.ErrPrice) || errors.Is(c.want, receipt.ErrTime) || errors.Is(c.want, receipt.ErrFailed) {
				_, err := r.Sign(chainID, p.node)
				require.ErrorIs(t, err, c.want)
			}
		})
	}
	for name, c := range map[string]struct {
		spoil func(*receipt.Receipt)
		want  error
	}{
		"status 0":            {func(r *receipt.Receipt) { r.Status = 0 }, receipt.ErrStatus},
		"status 4":            {func(r *receipt.Receipt) { r.Status = 4 }, receipt.ErrStatus},
		"sequence 2^40":       {func(r *receipt.Receipt) { r.Sequence = receipt.MaxCount }, receipt.ErrCount},
		"an absurd amount":    {func(r *receipt.Receipt) { r.Amount = 1 << 63 }, receipt.ErrNumber},
		"absurd units":        {func(r *receipt.Receipt) { r.Units = 1 << 63 }, receipt.ErrNumber},
		"an absurd start":     {func(r *receipt.Receipt) { r.StartedMs = 1 << 63 }, receipt.ErrNumber},
		"an absurd end":       {func(r *receipt.Receipt) { r.FinishedMs = 1 << 63 }, receipt.ErrNumber},
		"a malformed order":   {func(r *receipt.Receipt) { r.Request.App = "A" }, receipt.ErrApp},
		"an order for no one": {func(r *receipt.Receipt) { r.Request.Node = receipt.Address{} }, receipt.ErrLane},
	} {
		t.Run(name, func(t *testing.T) {
			r := p.receipt(t)
			c.spoil(&r)
			require.ErrorIs(t, r.Verify(chainID, p.session.public, p.node.public), c.want)
			_, err := r.MarshalBinary()
			require.ErrorIs(t, err, c.want)
			_, err = receipt.ReceiptSignBytes(chainID, r)
			require.ErrorIs(t, err, c.want)
		})
	}
	r := p.receipt(t)
	require.ErrorIs(t, r.Verify("emc-local-2", p.session.public, p.node.public), receipt.ErrSessionSignature)
	require.ErrorIs(t, r.VerifyFor("emc-local-2", r.Request, p.node.public), receipt.ErrNodeSignature)
	require.ErrorIs(t, r.Verify(chainID, p.stranger.public, p.node.public), receipt.ErrSessionSignature)
	require.ErrorIs(t, r.Verify(chainID, p.session.public, p.stranger.public), receipt.ErrNode)
	require.ErrorIs(t, r.Verify(chainID, p.session.public, receipt.PublicKey{}), receipt.ErrNode)
	other := p.unsignedRequest()
	other.Nonce++
	require.ErrorIs(t, r.VerifyFor(chainID, other, p.node.public), receipt.ErrRequest)
	r.Units++
	require.ErrorIs(t, r.Verify(chainID, p.session.public, p.node.public), receipt.ErrNodeSignature)
}

func TestFailedAndCancelledCalls(t *testing.T) {
	p := cast(t)
	for _, c := range []struct {
		status receipt.Status
		amount uint64
	}{{receipt.StatusFailed, 0}, {receipt.StatusCancelled, 0}, {receipt.StatusCancelled, 10}, {receipt.StatusComplete, 0}} {
		r := p.unsignedReceipt(t)
		r.Status, r.Amount, r.FinishedMs = c.status, c.amount, r.StartedMs
		r, err := r.Sign(chainID, p.node)
		require.NoError(t, err)
		require.NoError(t, r.Verify(chainID, p.session.public, p.node.public), c.status.String())
	}
}

func TestVoucherIsRefused(t *testing.T) {
	p := cast(t)
	for name, c := range map[string]struct {
		spoil       func(*receipt.Voucher)
		key, router error
	}{
		"another session":  {func(v *receipt.Voucher) { v.Session[15]++ }, receipt.ErrSessionSignature, receipt.ErrRouterSignature},
		"another key id":   {func(v *receipt.Voucher) { v.KeyID++ }, receipt.ErrSessionSignature, receipt.ErrRouterSignature},
		"another router":   {func(v *receipt.Voucher) { v.Router[0]++ }, receipt.ErrSessionSignature, receipt.ErrRouter},
		"another node":     {func(v *receipt.Voucher) { v.Node[0]++ }, receipt.ErrSessionSignature, receipt.ErrRouterSignature},
		"a higher amount":  {func(v *receipt.Voucher) { v.Amount++ }, receipt.ErrSessionSignature, receipt.ErrRouterSignature},
		"a higher count":   {func(v *receipt.Voucher) { v.Count++ }, receipt.ErrSessionSignature, receipt.ErrRouterSignature},
		"another root":     {func(v *receipt.Voucher) { v.Root[3]++ }, receipt.ErrSessionSignature, receipt.ErrRouterSignature},
		"not cosigned":     {func(v *receipt.Voucher) { v.RouterSignature = receipt.Signature{} }, nil, receipt.ErrRouterSignature},
		"another key's":    {func(v *receipt.Voucher) { v.KeySignature = v.RouterSignature }, receipt.ErrSessionSignature, receipt.ErrRouterSignature},
		"no node":          {func(v *receipt.Voucher) { v.Node = receipt.Address{} }, receipt.ErrLane, receipt.ErrLane},
		"key id 0":         {func(v *receipt.Voucher) { v.KeyID = 0 }, receipt.ErrKeyID, receipt.ErrKeyID},
		"an absurd amount": {func(v *receipt.Voucher) { v.Amount = 1 << 63 }, receipt.ErrNumber, receipt.ErrNumber},
		"an absurd count":  {func(v *receipt.Voucher) { v.Count = receipt.MaxCount + 1 }, receipt.ErrCount, receipt.ErrCount},
		"a root of none":   {func(v *receipt.Voucher) { v.Count = 0 }, receipt.ErrRoot, receipt.ErrRoot},
		"a router of none": {func(v *receipt.Voucher) { v.Router = receipt.Address{} }, receipt.ErrRouter, receipt.ErrRouter},
	} {
		t.Run(name, func(t *testing.T) {
			v := p.voucher(t, true)
			c.spoil(&v)
			require.ErrorIs(t, v.VerifyKey(chainID, p.session.public), c.key)
			require.ErrorIs(t, v.VerifyRouter(chainID, p.router.public), c.router)
		})
	}
	v := p.voucher(t, true)
	require.ErrorIs(t, v.VerifyKey("emc-local-2", p.session.public), receipt.ErrSessionSignature)
	require.ErrorIs(t, v.VerifyRouter("emc-local-2", p.router.public), receipt.ErrRouterSignature)
	require.ErrorIs(t, v.VerifyKey(chainID, p.stranger.public), receipt.ErrSessionSignature)
	require.ErrorIs(t, v.VerifyRouter(chainID, p.stranger.public), receipt.ErrRouter)
	require.ErrorIs(t, p.voucher(t, false).VerifyRouter(chainID, p.router.public), receipt.ErrRouter)
	require.ErrorIs(t, p.voucher(t, false).VerifyRouter(chainID, receipt.PublicKey{}), receipt.ErrRouter)
	_, err := p.voucher(t, false).Cosign(chainID, p.router)
	require.ErrorIs(t, err, receipt.ErrRouter)
	bad := p.unsignedVoucher(true)
	bad.Count = 0
	_, err = bad.Sign(chainID, p.session)
	require.ErrorIs(t, err, receipt.ErrRoot)
	_, err = bad.Cosign(chainID, p.router)
	require.ErrorIs(t, err, receipt.ErrRoot)

	again, err := p.voucher(t, true).Sign(chainID, p.session)
	require.NoError(t, err)
	require.True(t, again.RouterSignature.IsZero(), "the router has not seen the new signature")
	prepaid, err := receipt.Voucher{Lane: p.lane(false), KeyID: 1, Amount: 5, Root: receipt.EmptyRoot()}.Sign(chainID, p.session)
	require.NoError(t, err)
	require.NoError(t, prepaid.VerifyKey(chainID, p.session.public), "a stream's first voucher is ahead of its receipt")
}

// The router's signature is over the key's: another valid signature of the same voucher needs another co-signature.
func TestCosignatureIsForOneSignature(t *testing.T) {
	p := cast(t)
	v := p.voucher(t, true)
	v.KeySignature[0] ^= 1
	require.ErrorIs(t, v.VerifyRouter(chainID, p.router.public), receipt.ErrRouterSignature)
}

// No signature of one kind verifies as one of another, even when one key makes them all.
func TestTagsKeepSignaturesApart(t *testing.T) {
	p := cast(t)
	p.node, p.router = p.session, p.session
	request, rec, v := p.request(t), p.receipt(t), p.voucher(t, true)
	signatures := map[string]receipt.Signature{
		"request": request.Signature, "receipt": rec.Signature, "voucher": v.KeySignature, "cosign": v.RouterSignature,
	}
	key := p.session.public
	for name, s := range signatures {
		request, rec, v := request, rec, v
		request.Signature, rec.Signature = s, s
		require.Equal(t, name == "request", request.Verify(chainID, key) == nil, "%s as a request", name)
		require.Equal(t, name == "receipt", rec.VerifyFor(chainID, rec.Request, key) == nil, "%s as a receipt", name)
		v.RouterSignature = s
		require.Equal(t, name == "cosign", v.VerifyRouter(chainID, key) == nil, "%s as a co-signature", name)
		v.KeySignature = s
		require.Equal(t, name == "voucher", v.VerifyKey(chainID, key) == nil, "%s as a voucher", name)
	}
	// And the bytes differ in the tag alone where the bodies are the same.
	require.NotEqual(t, receipt.VoucherSignBytes(chainID, v), receipt.CosignBytes(chainID, v)[:len(receipt.VoucherSignBytes(chainID, v))])
}
