package identity

import (
	"bytes"
	"strings"
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// A key file that is read is one node's key: it survives being written, signs for its own address, and any other bytes
// are refused. A key of zero or beyond the curve's order would sign nothing that the chain accepts.
func FuzzKeyFile(f *testing.F) {
	good, err := New().marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	for _, s := range []string{
		"", "{}", "null", `{"version":1,"type":"secp256k1","key":"` + strings.Repeat("00", 32) + `"}`,
		`{"version":1,"type":"secp256k1","address":"emc1h5eh2ptl7hjamluxr4uhnfvjk2hnezsyvp36ek","key":"` + strings.Repeat("00", 32) + `"}`,
		`{"version":1,"type":"secp256k1","key":"` + strings.Repeat("ff", 32) + `"}`, `{"version":2}`, `{"version":1,"type":"ed25519"}`,
	} {
		f.Add([]byte(s))
	}
	for _, raw := range [][]byte{make([]byte, 32), bytes.Repeat([]byte{0xff}, 32)} {
		i := New()
		i.key.Key = raw
		if bad, err := i.marshal(); err == nil {
			f.Add(bad)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		i, err := unmarshal(data)
		if err != nil {
			return
		}
		written, err := i.marshal()
		if err != nil {
			t.Fatal(err)
		}
		back, err := unmarshal(written)
		if err != nil || back.Address() != i.Address() {
			t.Fatalf("%q is read, but %q is not: %v", data, written, err)
		}
		operator := sdk.AccAddress(bytes.Repeat([]byte{1}, 20))
		signature, err := i.SignRegistration("emc-fuzz-1", operator)
		if err != nil {
			t.Fatalf("a key that was read does not sign: %v", err)
		}
		addr, err := computetypes.VerifyRegistration("emc-fuzz-1", operator, i.PubKey(), signature)
		if err != nil || addr.String() != i.Address() {
			t.Fatalf("the key of %s signs for %s: %v", i.Address(), addr, err)
		}
		if _, err := i.HostKey(); err != nil {
			t.Fatalf("a key that was read is no libp2p identity: %v", err)
		}
	})
}
