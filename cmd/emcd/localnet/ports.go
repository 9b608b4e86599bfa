package localnet

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// endpoints are the addresses, host:port, that a network listens on.
type endpoints struct{ rpc, p2p, rest, grpc, faucet string }

// each visits the endpoints with their names.
func (e *endpoints) each(visit func(name string, address *string) error) error {
	for _, one := range []struct {
		name    string
		address *string
	}{{"RPC", &e.rpc}, {"P2P", &e.p2p}, {"REST", &e.rest}, {"gRPC", &e.grpc}, {"faucet", &e.faucet}} {
		if *one.address == "" {
			continue
		}
		if err := visit(one.name, one.address); err != nil {
			return err
		}
	}
	return nil
}

// hostPort takes the scheme off an address.
func hostPort(address string) (string, error) {
	if strings.Contains(address, "://") {
		u, err := url.Parse(address)
		if err != nil {
			return "", err
		}
		address = u.Host
	}
	if _, _, err := net.SplitHostPort(address); err != nil {
		return "", fmt.Errorf("%q is not host:port: %w", address, err)
	}
	return address, nil
}

// shift moves every port by offset.
func (e *endpoints) shift(offset int) error {
	return e.each(func(name string, address *string) error {
		host, port, err := net.SplitHostPort(*address)
		if err != nil {
			return err
		}
		number, err := strconv.Atoi(port)
		if err != nil || number+offset < 1 || number+offset > 65535 {
			return fmt.Errorf("--port-offset %d moves the %s port %s out of 1 to 65535", offset, name, port)
		}
		*address = net.JoinHostPort(host, strconv.Itoa(number+offset))
		return nil
	})
}

// pick replaces every port by one that is free now. All are held until the last
// is found, so that no two are the same.
func (e *endpoints) pick() error {
	var held []net.Listener
	defer func() {
		for _, listener := range held {
			_ = listener.Close()
		}
	}()
	return e.each(func(name string, address *string) error {
		host, _, err := net.SplitHostPort(*address)
		if err != nil {
			return err
		}
		listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
		if err != nil {
			return fmt.Errorf("find a free %s port: %w", name, err)
		}
		held = append(held, listener)
		*address = listener.Addr().String()
		return nil
	})
}

// check fails, by name, on the first port that somebody else holds.
func (e *endpoints) check() error {
	return e.each(func(name string, address *string) error {
		listener, err := net.Listen("tcp", *address)
		if err != nil {
			return fmt.Errorf("the %s port %s is taken: stop who uses it, or use --port-offset 100 or --ports auto (%w)", name, *address, err)
		}
		return listener.Close()
	})
}
