package netlab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

// EnvRequire set to 1 makes a machine that cannot have a lab a failure.
const EnvRequire = "EMC_REQUIRE_NETLAB"

// ErrUnavailable means that this machine cannot have a lab.
var ErrUnavailable = errors.New("no laboratory of networks here")

// programs are what a lab is made with, and the packages (Debian's) that have them.
var programs = []struct{ name, pkg string }{{"ip", "iproute2"}, {"tc", "iproute2"}, {"nft", "nftables"}}

// tunDevice is where TUN devices are made.
const tunDevice = "/dev/net/tun"

// check says what this machine lacks, as far as that shows without making a namespace.
func check() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: network namespaces take root; run the tests as root", ErrUnavailable)
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p.name); err != nil {
			return fmt.Errorf("%w: there is no %s; apt-get install %s", ErrUnavailable, p.name, p.pkg)
		}
	}
	f, err := os.OpenFile(tunDevice, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("%w: %w; modprobe tun, then mkdir -p /dev/net && mknod %s c 10 200 (in a container: --privileged)", ErrUnavailable, err, tunDevice)
	}
	return f.Close()
}

// probe asks the kernel for everything that a lab may ask of it later, in a namespace
// that is there already: a test that fails in its middle would be blamed on what it tests.
func (s space) probe(ctx context.Context) error {
	const all = `table ip probe {
		chain nat { type nat hook postrouting priority srcnat; oifname "x" snat to 11.0.0.1 fully-random; }
		chain loss { type filter hook forward priority filter; ct state established accept; numgen random mod 1000000 < 10 drop; }
	}
	delete table ip probe
	`
	if err := s.nft(ctx, all); err != nil {
		return fmt.Errorf("%w: the kernel's nftables lack NAT, conntrack or numgen (CONFIG_NFT_NAT, CONFIG_NFT_CT, CONFIG_NFT_NUMGEN; modprobe nft_numgen nft_chain_nat): %w", ErrUnavailable, err)
	}
	if err := s.run(ctx, "tc qdisc add dev lo root tbf rate 1mbit burst 10k latency 10ms", "tc qdisc del dev lo root"); err != nil {
		return fmt.Errorf("%w: the kernel has no token bucket (CONFIG_NET_SCH_TBF; modprobe sch_tbf): %w", ErrUnavailable, err)
	}
	t, err := openTUN(s, "probe")
	if err != nil {
		return fmt.Errorf("%w: the kernel makes no TUN device (CONFIG_TUN; modprobe tun): %w", ErrUnavailable, err)
	}
	return t.Close()
}

// Needs leaves a test out where this machine cannot have a lab, in words, or fails it
// where that is required. Other errors fail it.
func Needs(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case !errors.Is(err, ErrUnavailable):
		t.Fatal(err)
	case os.Getenv(EnvRequire) == "1":
		t.Fatalf("%s=1, and: %v", EnvRequire, err)
	default:
		t.Skipf("left out: %v", err)
	}
}

// Start makes a lab that is closed when the test ends.
func Start(t testing.TB) *Lab {
	t.Helper()
	l, err := New(t.Context(), "test")
	Needs(t, err)
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close the lab: %v", err)
		}
	})
	return l
}

// closeTimeout bounds what has to be done also after a context has ended.
const closeTimeout = time.Minute
