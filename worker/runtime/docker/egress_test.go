//go:build linux

package docker

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/worker/runtime/docker/egress"
)

// TestEgress goes from a program in a container to a server on this machine,
// which the test allows; the rules themselves are tested with the proxy.
func TestEgress(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "hello from outside", r.URL.Path)
	}))
	defer server.Close()
	target := netip.MustParseAddrPort(server.Listener.Addr().String())
	rt := newTestRuntime(t, func(c *Config) {
		c.Egress = egress.Config{
			Resolve: func(_ context.Context, name string) ([]netip.Addr, error) {
				if name != "example.test" {
					return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
				}
				return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
			},
			Allow: func(a netip.Addr) error {
				if a == netip.MustParseAddr("192.0.2.1") {
					return nil
				}
				return egress.Public(a)
			},
			Dial: func(ctx context.Context, _ netip.AddrPort) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, "tcp", target.String())
			},
		}
	})
	get := func(url string, egress bool) *run {
		r := newRun(t, "get", url)
		r.rt, r.Egress = rt, egress
		r.input(t, "input", "x", 0o644)
		result := r.do(t)
		t.Log(url, result.ExitCode, r.log)
		return r
	}
	require.Equal(t, "200 hello from outside /path\n", get("http://example.test/path", true).log.String())
	require.Contains(t, get("http://169.254.169.254/latest/meta-data/", true).log.String(), "403 egress: egress is to the public internet only")
	require.Contains(t, get("http://"+target.String()+"/", false).log.String(), "error:", "there is a network without egress")

	// Its exit code and its arguments are the program's own.
	r := newRun(t, "exit", "7")
	r.rt, r.Egress = rt, true
	requireExit(t, r, r.do(t), 7)
	r = newRun(t, "env")
	r.rt, r.Egress, r.Env = rt, true, []string{"HTTP_PROXY=http://elsewhere"}
	requireExit(t, r, r.do(t), 0)
	require.Contains(t, r.log.String(), "HTTP_PROXY=http://127.0.0.1:3128\n")
	require.NotContains(t, r.log.String(), "elsewhere")
}
