package egress

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPublic(t *testing.T) {
	for _, a := range []string{
		"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.167.1.1", "9.255.255.255", "11.0.0.1",
		"2606:4700:4700::1111", "2a00::1", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1",
	} {
		require.NoError(t, Public(netip.MustParseAddr(a)), a)
	}
	for _, a := range []string{
		"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
		"100.64.0.1", "100.127.255.255", "169.254.169.254", "169.254.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.19.255.255",
		"198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.88.99.1",
		"::", "::1", "fe80::1", "fe80::1%eth0", "2606:4700::1%eth0", "febf::1", "fc00::1", "fd00:ec2::254", "fdff::1", "ff02::1", "ff0e::1",
		"::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::ffff:0:7f00:1",
		"64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b::10.0.0.1", "64:ff9b:1::1.1.1.1", "2002:7f00:1::", "2002:a9fe:a9fe::1", "2002:c0a8:101::1",
		"2001::1", "2001:0:7f00:1::", "2001:db8::1", "3fff::1", "100::1", "4000::1", "5f00::1",
	} {
		require.ErrorIs(t, Public(netip.MustParseAddr(a)), ErrForbidden, a)
	}
	require.ErrorIs(t, Public(netip.Addr{}), ErrForbidden)
}

// FuzzPublic: a disguise never makes an IPv4 address public that is not.
func FuzzPublic(f *testing.F) {
	f.Add([]byte{127, 0, 0, 1})
	f.Add([]byte{1, 1, 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) != 4 {
			return
		}
		v4 := netip.AddrFrom4([4]byte(b))
		want := Public(v4) == nil
		var mapped, nat, sixToFour [16]byte
		copy(mapped[10:], append([]byte{0xff, 0xff}, b...))
		copy(nat[:], []byte{0, 0x64, 0xff, 0x9b})
		copy(nat[12:], b)
		copy(sixToFour[:], append([]byte{0x20, 0x02}, b...))
		for _, a := range [][16]byte{mapped, nat, sixToFour} {
			if got := Public(netip.AddrFrom16(a)) == nil; got != want {
				t.Fatalf("%v as %v: %t, want %t", v4, netip.AddrFrom16(a), got, want)
			}
		}
	})
}
