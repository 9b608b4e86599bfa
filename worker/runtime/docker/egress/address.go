package egress

import (
	"errors"
	"fmt"
	"net/netip"
)

// ErrForbidden is wrapped by every refusal of an address.
var ErrForbidden = errors.New("egress is to the public internet only")

func forbidden(a netip.Addr, what string) error {
	return fmt.Errorf("%w: %s is %s", ErrForbidden, a, what)
}

type special struct {
	prefix netip.Prefix
	what   string
}

// specialV4 are the addresses that are not of the public internet, by IANA's
// registry of special purposes.
func specialV4() []special {
	return []special{
		{netip.MustParsePrefix("0.0.0.0/8"), "an unspecified address"},
		{netip.MustParsePrefix("10.0.0.0/8"), "a private address"},
		{netip.MustParsePrefix("100.64.0.0/10"), "a provider's private address"},
		{netip.MustParsePrefix("127.0.0.0/8"), "a loopback address"},
		{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address, where clouds keep their metadata"},
		{netip.MustParsePrefix("172.16.0.0/12"), "a private address"},
		{netip.MustParsePrefix("192.0.0.0/24"), "a reserved address"},
		{netip.MustParsePrefix("192.0.2.0/24"), "an address for documentation"},
		{netip.MustParsePrefix("192.88.99.0/24"), "a reserved address"},
		{netip.MustParsePrefix("192.168.0.0/16"), "a private address"},
		{netip.MustParsePrefix("198.18.0.0/15"), "an address for benchmarks"},
		{netip.MustParsePrefix("198.51.100.0/24"), "an address for documentation"},
		{netip.MustParsePrefix("203.0.113.0/24"), "an address for documentation"},
		{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
		{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address"},
	}
}

// specialV6 are those within 2000::/3, the only part in public use.
func specialV6() []special {
	return []special{
		{netip.MustParsePrefix("2001::/23"), "a reserved or tunnelled address"}, // Teredo too
		{netip.MustParsePrefix("2001:db8::/32"), "an address for documentation"},
		{netip.MustParsePrefix("3fff::/20"), "an address for documentation"},
	}
}

// Public returns nil for an address of the public internet, and for any other
// an error that wraps ErrForbidden and says what it is. An IPv4 address is the
// same in every disguise that IPv6 has for it.
func Public(a netip.Addr) error {
	if !a.IsValid() {
		return fmt.Errorf("%w: no address", ErrForbidden)
	}
	if a.Zone() != "" {
		return forbidden(a, "a link-local address")
	}
	a = a.Unmap()
	if a.Is4() {
		for _, s := range specialV4() {
			if s.prefix.Contains(a) {
				return forbidden(a, s.what)
			}
		}
		return nil
	}
	bytes := a.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(a): // NAT64
		return disguised(a, [4]byte(bytes[12:16]))
	case netip.MustParsePrefix("2002::/16").Contains(a): // 6to4
		return disguised(a, [4]byte(bytes[2:6]))
	case !netip.MustParsePrefix("2000::/3").Contains(a):
		return forbidden(a, words(a))
	}
	for _, s := range specialV6() {
		if s.prefix.Contains(a) {
			return forbidden(a, s.what)
		}
	}
	return nil
}

func disguised(a netip.Addr, v4 [4]byte) error {
	if err := Public(netip.AddrFrom4(v4)); err != nil {
		return fmt.Errorf("%w, which %s stands for", err, a)
	}
	return nil
}

func words(a netip.Addr) string {
	switch {
	case a.IsLoopback():
		return "a loopback address"
	case a.IsUnspecified():
		return "an unspecified address"
	case a.IsPrivate():
		return "a private address"
	case a.IsLinkLocalUnicast():
		return "a link-local address"
	case a.IsMulticast():
		return "a multicast address"
	}
	return "not an address of the public internet"
}
