package receipt_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/receipt"
)

// Whatever byte of a signed value is changed, whoever receives it refuses it; so it does cut off, or with a byte more.
func TestEveryByteIsSigned(t *testing.T) {
	p := cast(t)
	for _, c := range []struct {
		name, kind string
		data       []byte
	}{
		{"request", "request", encoded(t, p.request(t))},
		{"receipt", "receipt", encoded(t, p.receipt(t))},
		{"voucher", "voucher", encoded(t, p.voucher(t, true))},
		{"voucher without a router", "voucher", encoded(t, p.voucher(t, false))},
	} {
		require.NoError(t, p.judge(c.kind, c.data), c.name)
		for i := range c.data {
			for _, flip := range []byte{1, 0x80, 0xff} {
				bad := append([]byte(nil), c.data...)
				bad[i] ^= flip
				require.Error(t, p.judge(c.kind, bad), "%s: byte %d by %x", c.name, i, flip)
			}
			require.ErrorIs(t, p.judge(c.kind, c.data[:i]), receipt.ErrLength, "%s: %d bytes", c.name, i)
		}
		require.ErrorIs(t, p.judge(c.kind, append(c.data, 0)), receipt.ErrLength, c.name)
	}
}

func TestSizes(t *testing.T) {
	p := cast(t)
	r := p.unsignedReceipt(t)
	r.Request.App = longestApp()
	require.Len(t, encoded(t, r.Request), receipt.MaxRequestBytes)
	require.Len(t, encoded(t, r), receipt.MaxReceiptBytes)
	require.Less(t, receipt.MaxReceiptBytes, 512)
	r.Request.App = "ab"
	require.Len(t, encoded(t, r.Request), receipt.MinRequestBytes)
	require.Len(t, encoded(t, r), receipt.MinReceiptBytes)
	require.Len(t, encoded(t, p.voucher(t, false)), receipt.VoucherBytes)
	require.Len(t, encoded(t, p.voucher(t, true)), receipt.VoucherBytes)
}
