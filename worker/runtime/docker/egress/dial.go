package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
)

// smtp is refused: a job that sends mail costs its operator the address.
const smtp = 25

// dial resolves host:port once, and connects to the first address that is
// allowed and answers.
func (c Config) dial(ctx context.Context, hostport string) (net.Conn, error) {
	host, portText, err := net.SplitHostPort(hostport)
	if err != nil {
		return nil, fmt.Errorf("%w: %q is not HOST:PORT", ErrForbidden, hostport)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return nil, fmt.Errorf("%w: %q is not the number of a port", ErrForbidden, portText)
	}
	if port == smtp {
		return nil, fmt.Errorf("%w: port %d is for mail servers", ErrForbidden, smtp)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	var addresses []netip.Addr
	if a, err := netip.ParseAddr(host); err == nil {
		addresses = []netip.Addr{a}
	} else if addresses, err = c.Resolve(ctx, host); err != nil {
		return nil, fmt.Errorf("%s cannot be resolved: %w", host, err)
	}
	var refused, failed error
	for _, a := range addresses {
		if err := c.Allow(a); err != nil {
			refused = err
			continue
		}
		conn, err := c.Dial(ctx, netip.AddrPortFrom(a.Unmap(), uint16(port)))
		if err == nil {
			return conn, nil
		}
		failed = err
	}
	switch {
	case failed != nil:
		return nil, fmt.Errorf("%s cannot be reached: %w", host, failed)
	case refused != nil:
		return nil, refused
	}
	return nil, errors.New(host + " has no address")
}
