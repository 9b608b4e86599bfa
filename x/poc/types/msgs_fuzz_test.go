package types_test

import (
	"bytes"
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"

	_ "github.com/edgematrix/emc/app/params" // the address prefix
	"github.com/edgematrix/emc/pkg/beacon"
	"github.com/edgematrix/emc/x/poc/types"
)

// FuzzMsgs: whatever a message holds, its check gives a clear answer and never panics.
func FuzzMsgs(f *testing.F) {
	validator := sdk.ValAddress(bytes.Repeat([]byte{1}, 20)).String()
	f.Add(validator, make([]byte, beacon.PubKeySize), make([]byte, beacon.ProofSize))
	f.Add("", []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, validator string, pubkey, proof []byte) {
		m := types.MsgRegisterBeaconKey{Validator: validator, Pubkey: pubkey, Proof: proof}
		addr, err := m.Validate()
		if (err == nil) != (len(addr) > 0) {
			t.Fatalf("%v for %x", err, addr)
		}
		if err == nil && (len(pubkey) != beacon.PubKeySize || len(proof) != beacon.ProofSize) {
			t.Fatal("sizes are not checked")
		}
	})
}

// FuzzGenesis: a genesis from anywhere is refused in words, or is sound.
func FuzzGenesis(f *testing.F) {
	good := types.DefaultGenesis()
	good.BeaconKeys = []types.BeaconKey{{Validator: sdk.ValAddress(bytes.Repeat([]byte{1}, 20)).String(), Pubkey: make([]byte, 32)}}
	good.Beacons = []types.Beacon{{Height: 1, Value: make([]byte, 32)}, {Height: 2, Value: make([]byte, 32)}}
	raw, err := good.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var g types.GenesisState
		if g.Unmarshal(raw) != nil || g.Validate() != nil {
			return
		}
		for _, k := range g.BeaconKeys {
			for _, height := range []int64{0, 1, 1 << 62} {
				k.ActiveAt(height)
				if err := k.Since(height).Validate(); err != nil {
					t.Fatalf("%+v since %d: %v", k, height, err)
				}
			}
		}
	})
}
