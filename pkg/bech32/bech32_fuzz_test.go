package bech32_test

import (
	"bytes"
	"strings"
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/bech32"
)

// An address that is read has EMC's prefix and prints as what was read: two
// ways to write one address would be two keys of one thing.
func FuzzAddress(f *testing.F) {
	raw := bytes.Repeat([]byte{7}, 20)
	for _, s := range []string{
		"", "emc1", sdk.AccAddress(raw).String(), strings.ToUpper(sdk.AccAddress(raw).String()), " " + sdk.AccAddress(raw).String(),
		sdk.AccAddress(bytes.Repeat([]byte{1}, 32)).String(), sdk.ValAddress(raw).String(), sdk.ConsAddress(raw).String(),
		"cosmos1qqqsyqcyq5rqwzqfpg9scrgwpugpzysn7hzdtn", sdk.AccAddress(bytes.Repeat([]byte{1}, 255)).String(), "emc1\x00",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		addr, err := sdk.AccAddressFromBech32(in)
		if err == nil {
			if out := addr.String(); out != strings.ToLower(strings.TrimSpace(in)) || !strings.HasPrefix(out, bech32.Account+"1") {
				t.Fatalf("%q is read as %x, which is written %q", in, []byte(addr), out)
			}
			if len(addr) == 0 || len(addr) > 255 {
				t.Fatalf("%q is an address of %d bytes", in, len(addr))
			}
		}
		_, valErr := sdk.ValAddressFromBech32(in)
		_, consErr := sdk.ConsAddressFromBech32(in)
		if err == nil && (valErr == nil || consErr == nil) {
			t.Fatalf("%q is an address of an account and of a validator", in)
		}
	})
}
