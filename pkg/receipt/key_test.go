package receipt_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"math/big"
	"strings"
	"testing"

	sdksecp "github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdkbech32 "github.com/cosmos/cosmos-sdk/types/bech32"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
)

var order = secp256k1.S256().N //nolint:staticcheck // the number itself is not deprecated

func withScalars(r, s *big.Int) (out receipt.Signature) {
	r.FillBytes(out[:32])
	s.FillBytes(out[32:])
	return out
}

// Each signature has one form: what other libraries take besides is refused, with and without a table.
func TestSignaturesAreNotMalleable(t *testing.T) {
	p := cast(t)
	v := p.voucher(t, true)
	message := receipt.VoucherSignBytes(chainID, v)
	r, s := new(big.Int).SetBytes(v.KeySignature[:32]), new(big.Int).SetBytes(v.KeySignature[32:])
	for _, key := range []receipt.PublicKey{p.session.public, p.session.public.Precompute()} {
		require.True(t, key.Verify(message, v.KeySignature))
		high := v
		high.KeySignature = withScalars(r, new(big.Int).Sub(order, s))
		require.ErrorIs(t, high.VerifyKey(chainID, key), receipt.ErrSessionSignature)
		for name, bad := range map[string]receipt.Signature{
			"zeros": {}, "ones": receipt.Signature(bytes.Repeat([]byte{0xff}, 64)),
			"R 0": withScalars(new(big.Int), s), "S 0": withScalars(r, new(big.Int)),
			"R order": withScalars(order, s), "S order": withScalars(r, order), "swapped": withScalars(s, r),
		} {
			require.False(t, key.Verify(message, bad), name)
		}
		require.False(t, key.Verify(append(message, 0), v.KeySignature))
	}
	require.False(t, receipt.PublicKey{}.Verify(message, v.KeySignature))
	require.False(t, receipt.PublicKey{}.Precompute().Verify(message, v.KeySignature))
	require.Nil(t, receipt.PublicKey{}.Bytes())
}

// R above the order is the same number in other bytes, which the SDK lets pass. It needs a small R, so the key is made to
// fit the signature: Q = (s·K − e·G)/r, for a point K whose x coordinate is tiny.
func TestSignaturesAboveTheOrderAreRefused(t *testing.T) {
	message := []byte("a message")
	digest := sha256.Sum256(message)
	var e, s, inverse secp256k1.ModNScalar
	e.SetBytes(&digest)
	s.SetInt(12345)
	for x := uint16(1); ; x++ {
		var k, sK, eG, sum, q secp256k1.JacobianPoint
		k.X.SetInt(x)
		if !secp256k1.DecompressY(&k.X, false, &k.Y) {
			continue
		}
		k.Y.Normalize()
		k.Z.SetInt(1)
		inverse.SetInt(uint32(x)).InverseNonConst()
		secp256k1.ScalarMultNonConst(&s, &k, &sK)
		secp256k1.ScalarBaseMultNonConst(new(secp256k1.ModNScalar).Set(&e).Negate(), &eG)
		secp256k1.AddNonConst(&sK, &eG, &sum)
		secp256k1.ScalarMultNonConst(&inverse, &sum, &q)
		q.ToAffine()
		compressed := secp256k1.NewPublicKey(&q.X, &q.Y).SerializeCompressed()
		key, err := receipt.ParsePublicKey(compressed)
		require.NoError(t, err)

		r, above := big.NewInt(int64(x)), new(big.Int).Add(order, big.NewInt(int64(x)))
		low, high := withScalars(r, big.NewInt(12345)), withScalars(above, big.NewInt(12345))
		sdk := sdksecp.PubKey{Key: compressed}
		require.True(t, sdk.VerifySignature(message, low[:]))
		require.True(t, sdk.VerifySignature(message, high[:]), "the SDK has become strict: the docs can say so")
		for _, key := range []receipt.PublicKey{key, key.Precompute()} {
			require.True(t, key.Verify(message, low))
			require.False(t, key.Verify(message, high))
		}
		return
	}
}

// A point whose x coordinate is between the order and the prime verifies by R = x − order: a table has to know that.
func TestTableKnowsXAboveTheOrder(t *testing.T) {
	message := []byte("another message")
	digest := sha256.Sum256(message)
	var e, s, inverse secp256k1.ModNScalar
	e.SetBytes(&digest)
	s.SetInt(777)
	for r := uint32(1); ; r++ {
		x := new(big.Int).Add(order, big.NewInt(int64(r)))
		var raw [32]byte
		x.FillBytes(raw[:])
		var k, sK, eG, sum, q secp256k1.JacobianPoint
		k.X.SetBytes(&raw)
		if !secp256k1.DecompressY(&k.X, false, &k.Y) {
			continue
		}
		k.Y.Normalize()
		k.Z.SetInt(1)
		inverse.SetInt(r).InverseNonConst()
		secp256k1.ScalarMultNonConst(&s, &k, &sK)
		secp256k1.ScalarBaseMultNonConst(new(secp256k1.ModNScalar).Set(&e).Negate(), &eG)
		secp256k1.AddNonConst(&sK, &eG, &sum)
		secp256k1.ScalarMultNonConst(&inverse, &sum, &q)
		q.ToAffine()
		key, err := receipt.ParsePublicKey(secp256k1.NewPublicKey(&q.X, &q.Y).SerializeCompressed())
		require.NoError(t, err)
		signature := withScalars(big.NewInt(int64(r)), big.NewInt(777))
		require.True(t, key.Verify(message, signature))
		require.True(t, key.Precompute().Verify(message, signature))
		return
	}
}

// A table answers as the plain way does, for good and for broken signatures, with ordinary and with extreme keys.
func TestTableAgreesWithPlainVerification(t *testing.T) {
	minusOne := new(big.Int).Sub(order, big.NewInt(1))
	secrets := [][]byte{big.NewInt(1).FillBytes(make([]byte, 32)), big.NewInt(2).FillBytes(make([]byte, 32)), minusOne.FillBytes(make([]byte, 32))}
	for i := range byte(5) {
		secrets = append(secrets, bytes.Repeat([]byte{0x11 + 0x23*i}, 32))
	}
	for _, secret := range secrets {
		private := &sdksecp.PrivKey{Key: secret}
		plain, err := receipt.ParsePublicKey(private.PubKey().Bytes())
		require.NoError(t, err)
		fast := plain.Precompute()
		require.Equal(t, plain.Address(), fast.Address())
		for i := range uint64(40) {
			message := binary.BigEndian.AppendUint64([]byte("message "), i)
			raw, err := private.Sign(message)
			require.NoError(t, err)
			signature := receipt.Signature(raw)
			require.True(t, plain.Verify(message, signature))
			require.True(t, fast.Verify(message, signature))
			signature[i%64] ^= 1 << (i % 8)
			require.Equal(t, plain.Verify(message, signature), fast.Verify(message, signature))
			require.False(t, fast.Verify(message, signature))
		}
	}
}

func TestPublicKeyIsRefused(t *testing.T) {
	good := pair(t, 1).public.Bytes()
	point, err := secp256k1.ParsePubKey(good)
	require.NoError(t, err)
	for name, b := range map[string][]byte{
		"nothing": nil, "short": good[:32], "long": append(bytes.Clone(good), 0), "uncompressed": point.SerializeUncompressed(),
		"another form": append([]byte{4}, good[1:]...), "no point": append([]byte{2}, bytes.Repeat([]byte{0xff}, 32)...),
		"off the curve": append([]byte{2}, append(make([]byte, 31), 5)...),
	} {
		_, err := receipt.ParsePublicKey(b)
		require.ErrorIs(t, err, receipt.ErrKey, name)
	}
}

type scripted struct {
	answer []byte
	err    error
}

func (s scripted) Sign([]byte) ([]byte, error) { return s.answer, s.err }

func TestUnusableSigner(t *testing.T) {
	p := cast(t)
	locked := errors.New("keyring is locked")
	_, err := p.unsignedRequest().Sign(chainID, scripted{err: locked})
	require.ErrorIs(t, err, receipt.ErrSigner)
	require.ErrorIs(t, err, locked)
	good := p.request(t).Signature
	high := withScalars(new(big.Int).SetBytes(good[:32]), new(big.Int).Sub(order, new(big.Int).SetBytes(good[32:])))
	for _, answer := range [][]byte{nil, good[:63], append(good[:], 0), high[:], make([]byte, 64)} {
		_, err = p.unsignedReceipt(t).Sign(chainID, scripted{answer: answer})
		require.ErrorIs(t, err, receipt.ErrSigner)
		_, err = p.unsignedVoucher(true).Sign(chainID, scripted{answer: answer})
		require.ErrorIs(t, err, receipt.ErrSigner)
		_, err = p.unsignedVoucher(true).Cosign(chainID, scripted{answer: answer})
		require.ErrorIs(t, err, receipt.ErrSigner)
	}
}

func TestText(t *testing.T) {
	p := cast(t)
	address, id, signature := p.node.public.Address(), p.lane(true).Session, p.request(t).Signature
	parsed, err := receipt.ParseAddress(address.String())
	require.NoError(t, err)
	require.Equal(t, address, parsed)
	none, err := receipt.ParseAddress("")
	require.NoError(t, err)
	require.True(t, none.IsZero())
	require.Empty(t, none.String())
	spelt := func(prefix string, b []byte) string {
		s, err := sdkbech32.ConvertAndEncode(prefix, b)
		require.NoError(t, err)
		return s
	}
	for _, s := range []string{
		"emc1", strings.ToUpper(address.String()), " " + address.String(), address.String() + "q", spelt("cosmos", address[:]),
		spelt("emcvaloper", address[:]), spelt("emc", make([]byte, 20)), spelt("emc", make([]byte, 32)), spelt("emc", address[:19]),
	} {
		_, err := receipt.ParseAddress(s)
		require.ErrorIs(t, err, receipt.ErrText, s)
		require.ErrorIs(t, new(receipt.Address).UnmarshalText([]byte(s)), receipt.ErrText, s)
	}
	again, err := receipt.ParseSessionID(id.String())
	require.NoError(t, err)
	require.Equal(t, id, again)
	for _, s := range []string{"", id.String()[1:], id.String() + "0", strings.ToUpper("ab") + id.String()[2:], "zz" + id.String()[2:]} {
		_, err := receipt.ParseSessionID(s)
		require.ErrorIs(t, err, receipt.ErrText, s)
	}
	var s receipt.Signature
	require.NoError(t, s.UnmarshalText([]byte(signature.String())))
	require.Equal(t, signature, s)
	require.ErrorIs(t, s.UnmarshalText([]byte(signature.String()[2:])), receipt.ErrText)
	require.Equal(t, "complete cancelled failed status 9", strings.Join([]string{
		receipt.StatusComplete.String(), receipt.StatusCancelled.String(), receipt.StatusFailed.String(), receipt.Status(9).String()}, " "))
}

// A fast signer makes the bytes of the SDK's, with ordinary and with extreme keys: whoever compares two of a router's
// signatures of one voucher must find them equal.
func TestSecretKeySignsAsTheSDK(t *testing.T) {
	secrets := [][]byte{big.NewInt(1).FillBytes(make([]byte, 32)), new(big.Int).Sub(order, big.NewInt(1)).FillBytes(make([]byte, 32))}
	for i := range byte(20) {
		digest := sha256.Sum256([]byte{i})
		secrets = append(secrets, digest[:])
	}
	for _, secret := range secrets {
		fast, err := receipt.ParseSecretKey(secret)
		require.NoError(t, err)
		sdk := &sdksecp.PrivKey{Key: secret}
		require.Equal(t, sdk.PubKey().Bytes(), fast.Public().Bytes())
		for i := range uint64(50) {
			message := binary.BigEndian.AppendUint64([]byte("message "), i)
			want, err := sdk.Sign(message)
			require.NoError(t, err)
			got, err := fast.Sign(message)
			require.NoError(t, err)
			require.Equal(t, want, got)
		}
	}
	for name, bad := range map[string][]byte{
		"nothing": nil, "short": make([]byte, 31), "long": bytes.Repeat([]byte{1}, 33), "zero": make([]byte, 32),
		"the order": order.FillBytes(make([]byte, 32)), "above it": bytes.Repeat([]byte{0xff}, 32),
	} {
		_, err := receipt.ParseSecretKey(bad)
		require.ErrorIs(t, err, receipt.ErrKey, name)
	}
}
