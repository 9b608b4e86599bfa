package netlab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os/exec"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// Host is a machine in the lab.
type Host struct {
	Name string
	// Address is the host's own; behind a NAT it is a private one.
	Address netip.Addr

	lab    *Lab
	space  space
	spaces []space // its own, and its router's
	link   *Link
	public netip.Addr
}

// Public is the address that others see: of a home, its router's.
func (h *Host) Public() netip.Addr { return h.public }

// Link is the line between the host, or its home's router, and the internet.
func (h *Host) Link() *Link { return h.link }

// Wrap is the command that runs another in the host: before its name and arguments.
func (h *Host) Wrap() []string { return []string{"ip", "netns", "exec", string(h.space)} }

// Launch starts a program in the host, as rig.Launch does.
func (h *Host) Launch(log string, env []string, dir, name string, args ...string) (*rig.Process, error) {
	line := append(append(h.Wrap(), name), args...)
	return rig.Launch(log, env, dir, line[0], line[1:]...)
}

// Command runs a program in the host to its end, as rig.Command does.
func (h *Host) Command(ctx context.Context, dir string, env []string, name string, args ...string) (rig.Answer, error) {
	line := append(append(h.Wrap(), name), args...)
	return rig.Command(ctx, dir, env, line[0], line[1:]...)
}

// Cmd is a program that the caller starts in the host.
func (h *Host) Cmd(ctx context.Context, name string, args ...string) *exec.Cmd {
	line := append(append(h.Wrap(), name), args...)
	return exec.CommandContext(ctx, line[0], line[1:]...)
}

// Do calls f on a thread that is in the host: sockets that f itself makes are the
// host's for good, on whatever thread they are used. Goroutines that f starts are not
// in the host, so a library that has its own (libp2p) belongs in a program.
func (h *Host) Do(f func() error) error { return h.space.inside(f) }

// DialContext connects from the host, for http.Transport and the like. The address
// has to be a number: names are looked up in other goroutines, so by this machine.
func (h *Host) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return h.DialFrom(ctx, &net.Dialer{}, network, address)
}

// DialFrom is DialContext by a dialer, which may have a local address.
func (h *Host) DialFrom(ctx context.Context, d *net.Dialer, network, address string) (c net.Conn, err error) {
	if _, err := netip.ParseAddrPort(address); err != nil {
		return nil, fmt.Errorf("a lab has no names: %w", err)
	}
	err = h.Do(func() error {
		c, err = d.DialContext(ctx, network, address)
		return err
	})
	return c, err
}

// Listen takes connections at the host.
func (h *Host) Listen(ctx context.Context, c net.ListenConfig, network, address string) (l net.Listener, err error) {
	err = h.Do(func() error {
		l, err = c.Listen(ctx, network, address)
		return err
	})
	return l, err
}

// ListenPacket takes packets at the host.
func (h *Host) ListenPacket(ctx context.Context, c net.ListenConfig, network, address string) (l net.PacketConn, err error) {
	err = h.Do(func() error {
		l, err = c.ListenPacket(ctx, network, address)
		return err
	})
	return l, err
}
