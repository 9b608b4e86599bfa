package egress

import (
	"context"
	"net"
	"net/netip"
	"time"
)

// Config are the rules of a proxy. The zero value is for use; the functions are
// there for tests.
type Config struct {
	// Resolve returns the addresses of a name. Nil asks the machine's resolver.
	Resolve func(ctx context.Context, name string) ([]netip.Addr, error)
	// Dial connects to an address that was found good. Nil dials.
	Dial func(ctx context.Context, to netip.AddrPort) (net.Conn, error)
	// Allow refuses an address by an error that wraps ErrForbidden. Nil is
	// Public, and refuses this machine's own addresses as well.
	Allow func(netip.Addr) error
	// MaxConns bounds the connections at a time. Zero means 64.
	MaxConns int
	// Idle ends a connection on which nothing moves. Zero means two minutes.
	Idle time.Duration
}

// connectTimeout bounds resolving and dialling.
const connectTimeout = 30 * time.Second

func (c Config) withDefaults() Config {
	if c.Resolve == nil {
		c.Resolve = func(ctx context.Context, name string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
		}
	}
	if c.Dial == nil {
		c.Dial = func(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", to.String())
		}
	}
	if c.Allow == nil {
		c.Allow = foreignAndPublic
	}
	if c.MaxConns <= 0 {
		c.MaxConns = 64
	}
	if c.Idle <= 0 {
		c.Idle = 2 * time.Minute
	}
	return c
}

// foreignAndPublic is Public without this machine: what listens on its public
// address may be meant for its own users.
func foreignAndPublic(a netip.Addr) error {
	if err := Public(a); err != nil {
		return err
	}
	own, err := net.InterfaceAddrs()
	if err != nil {
		return forbidden(a, "perhaps this machine's own address, for its addresses cannot be listed")
	}
	for _, o := range own {
		if prefix, err := netip.ParsePrefix(o.String()); err == nil && prefix.Addr().Unmap() == a.Unmap() {
			return forbidden(a, "an address of the worker's own machine")
		}
	}
	return nil
}
