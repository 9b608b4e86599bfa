package types_test

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"

	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"

	_ "github.com/edgematrix/emc/app/params" // the address prefix
	computetypes "github.com/edgematrix/emc/x/compute/types"
	"github.com/edgematrix/emc/x/socket/types"
)

// marshaler is what every message is.
type marshaler interface{ Marshal() ([]byte, error) }

func add(f *testing.F, kind int, m marshaler) {
	f.Helper()
	raw, err := m.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(byte(kind), raw)
}

// FuzzMsgs: whatever a message holds, its check gives a clear answer and never
// panics, and what passes is within the bounds that the keeper counts on.
func FuzzMsgs(f *testing.F) {
	who := sdk.AccAddress(bytes.Repeat([]byte{1}, 20))
	id, coin := types.SocketID(who, 0), types.Uemc(math.NewInt(25_000_000))
	for kind, m := range []marshaler{
		&types.MsgMint{Operator: who.String(), Node: who.String(), App: "charlm", Slots: 1, SlotPower: 250_000, Seconds: 86_400, Royalty: 500, Ask: coin},
		&types.MsgList{Holder: who.String(), Socket: id, Ask: coin},
		&types.MsgBuy{Buyer: who.String(), Socket: id, MaxPrice: coin},
		&types.MsgSplit{Holder: who.String(), Socket: id, Slots: 1},
		&types.MsgUpdateParams{Authority: who.String(), Params: types.DefaultParams()},
	} {
		add(f, kind, m)
	}
	great := types.Uemc(math.NewIntFromUint64(1<<64 - 1))
	for _, m := range []marshaler{
		&types.MsgMint{App: "charlm", Slots: 1, SlotPower: 1, Seconds: 1<<64 - 1, Ask: coin}, &types.MsgMint{App: "charlm", Slots: 1<<32 - 1, SlotPower: 1<<64 - 1, Seconds: 86_400, Ask: coin},
		&types.MsgMint{App: "charlm", SlotPower: 1, Seconds: 86_400, Ask: coin}, &types.MsgMint{App: "charlm", Slots: 1, SlotPower: 1, Seconds: 86_400, Royalty: 10_001, Ask: coin},
		&types.MsgMint{App: "charlm", Slots: 1, SlotPower: 1, Seconds: 86_400, Ask: great},
	} {
		add(f, 0, m)
	}
	add(f, 1, &types.MsgList{Socket: id, Ask: great})
	add(f, 1, &types.MsgList{Socket: id, Ask: types.Uemc(math.OneInt())})
	add(f, 2, &types.MsgBuy{Socket: id, MaxPrice: types.Uemc(math.ZeroInt())})
	add(f, 3, &types.MsgSplit{Socket: id})
	params := types.DefaultParams()
	f.Fuzz(func(t *testing.T, kind byte, raw []byte) {
		switch kind {
		case 0:
			var m types.MsgMint
			if m.Unmarshal(raw) == nil && m.Validate(params) == nil {
				power := new(big.Int).Mul(new(big.Int).SetUint64(m.SlotPower), big.NewInt(int64(m.Slots)))
				if m.Slots == 0 || !power.IsInt64() || m.Seconds > params.MaxSeconds || m.Royalty > types.ShareScale || !m.Ask.Amount.IsInt64() {
					t.Fatalf("passed: %s", &m)
				}
			}
		case 1:
			var m types.MsgList
			if m.Unmarshal(raw) == nil && m.Validate(params) == nil && (m.Ask.Amount.LT(params.MinPrice.Amount) || !m.Ask.Amount.IsInt64()) {
				t.Fatalf("passed: %s", &m)
			}
		case 2:
			var m types.MsgBuy
			if m.Unmarshal(raw) == nil && m.Validate() == nil && !m.MaxPrice.Amount.IsPositive() {
				t.Fatalf("passed: %s", &m)
			}
		case 3:
			var m types.MsgSplit
			if m.Unmarshal(raw) == nil && m.Validate() == nil && m.Slots == 0 {
				t.Fatalf("passed: %s", &m)
			}
		default:
			var m types.MsgUpdateParams
			if m.Unmarshal(raw) == nil {
				_ = m.Params.Validate()
			}
		}
	})
}

// FuzzSocketID: an id has one spelling, and x/nft's promise of it is found again.
func FuzzSocketID(f *testing.F) {
	who := sdk.AccAddress(bytes.Repeat([]byte{1}, 20))
	for _, id := range []string{types.SocketID(who, 0), types.SocketID(who, 1<<64-1), "", "s", "S00112233445566778899aabbccddeeff", "s00112233445566778899AABBCCDDEEFF", "s0x112233445566778899aabbccddee"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		if types.ValidateSocketID(id) != nil {
			return
		}
		if len(id) != 33 || strings.Trim(id[1:], "0123456789abcdef") != "" {
			t.Fatalf("passed: %q", id)
		}
		if back, ours := types.SocketOfPromise(types.SocketPromise(id)); !ours || back != id {
			t.Fatalf("%q became %q", id, back)
		}
	})
}

// FuzzSocket: whatever a socket holds that a genesis may have, its sums add up, its
// splitting makes and loses nothing, and its picture is well-formed SVG.
func FuzzSocket(f *testing.F) {
	f.Add("charlm", uint32(4), uint64(250_000), int64(25_000_000), int64(7_000_000), int64(1), int64(1_800_000_000), int64(1_800_086_400), uint32(1), uint64(3_600))
	f.Add(`<&">`, uint32(4096), uint64(types.MaxSlotPower), int64(types.MaxAmount), int64(types.MaxAmount), int64(types.MaxAmount), int64(1), int64(1<<62), uint32(4095), uint64(1<<64-1))
	f.Fuzz(func(t *testing.T, app string, slots uint32, slotPower uint64, price, used, failed, soldAt, expiresAt int64, take uint32, outage uint64) {
		if slots < 2 || slots > types.MaxSlots || slotPower == 0 || slotPower > types.MaxSlotPower || used < 0 || used > price || failed < 0 || soldAt <= 0 || expiresAt <= soldAt {
			return
		}
		s := types.Socket{
			Id: types.SocketID(bytes.Repeat([]byte{1}, 20), 0), App: app, Slots: slots, Power: slotPower * uint64(slots), Status: types.SOCKET_STATUS_IDLE,
			Price: math.NewInt(price), Used: math.NewInt(used), Failed: math.NewInt(failed), Held: math.ZeroInt(), Ask: math.ZeroInt(), Collateral: math.NewInt(price),
			Refunded: math.ZeroInt(), Paid: math.ZeroInt(), SoldAt: soldAt, ExpiresAt: expiresAt,
		}
		if r := s.Refund(outage); r.IsNegative() || r.GT(s.Unused()) {
			t.Fatalf("a refund of %s out of %s", r, s.Unused())
		}
		if left := s.Left(soldAt); left.IsNegative() || left.GT(s.ESeconds()) {
			t.Fatalf("%s of %s are left", left, s.ESeconds())
		}
		s.PerEHour(s.Price, soldAt)
		if price > 0 && !s.SlotHourPrice().IsPositive() {
			t.Fatal("a job is free")
		}
		rest, part := s.Split(1 + take%(slots-1))
		for name, sum := range map[string][3]math.Int{
			"price": {rest.Price, part.Price, s.Price}, "used": {rest.Used, part.Used, s.Used}, "failed": {rest.Failed, part.Failed, s.Failed},
			"collateral": {rest.Collateral, part.Collateral, s.Collateral},
		} {
			if sum[0].IsNegative() || sum[1].IsNegative() || !sum[0].Add(sum[1]).Equal(sum[2]) {
				t.Fatalf("%s: %s and %s of %s", name, sum[0], sum[1], sum[2])
			}
		}
		if rest.Used.GT(rest.Price) || part.Used.GT(part.Price) || rest.Power+part.Power != s.Power || rest.Slots+part.Slots != s.Slots || part.Power%uint64(part.Slots) != 0 {
			t.Fatalf("%s became %s and %s", &s, &rest, &part)
		}
		encoded, ok := strings.CutPrefix(s.Describe(soldAt).Image, "data:image/svg+xml;base64,")
		svg, err := base64.StdEncoding.DecodeString(encoded)
		if !ok || err != nil {
			t.Fatalf("no picture: %v", err)
		}
		if computetypes.ValidateAppID(app) != nil {
			return // it is never stored
		}
		for d := xml.NewDecoder(bytes.NewReader(svg)); ; {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				return
			} else if err != nil {
				t.Fatalf("%v: %s", err, svg)
			}
		}
	})
}
