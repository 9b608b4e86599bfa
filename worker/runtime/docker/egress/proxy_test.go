package egress

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// world is an internet of names and of one server.
type world struct {
	mu       sync.Mutex
	names    map[string][]string
	resolved []string
	dialled  []string
	server   string
}

func (w *world) resolve(_ context.Context, name string) ([]netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.resolved = append(w.resolved, name)
	var list []netip.Addr
	for _, a := range w.names[name] {
		list = append(list, netip.MustParseAddr(a))
	}
	if list == nil {
		return nil, errors.New("no such name")
	}
	// A name that answers with another address the second time.
	w.names[name] = []string{"127.0.0.1"}
	return list, nil
}

func (w *world) dial(ctx context.Context, to netip.AddrPort) (net.Conn, error) {
	w.mu.Lock()
	w.dialled = append(w.dialled, to.String())
	w.mu.Unlock()
	return new(net.Dialer).DialContext(ctx, "tcp", w.server)
}

func (w *world) seen() (resolved, dialled []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.resolved, w.dialled
}

func serve(t *testing.T, w *world, change func(c *Config)) (address string, p *Proxy) {
	t.Helper()
	c := Config{Resolve: w.resolve, Dial: w.dial}
	if change != nil {
		change(&c)
	}
	p = New(c)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	served := make(chan error, 1)
	go func() { served <- p.Serve(l) }()
	t.Cleanup(func() {
		require.NoError(t, p.Close())
		require.NoError(t, <-served)
	})
	return l.Addr().String(), p
}

func client(t *testing.T, proxy string, server *httptest.Server) *http.Client {
	t.Helper()
	transport := &http.Transport{Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: proxy}), DisableKeepAlives: true}
	if server != nil && server.TLS != nil {
		transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute}
}

func echo() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprint(w, r.Method, " ", r.Host, r.URL.Path, " ", string(body), " ", r.Header.Get("Proxy-Authorization"), r.Header.Get("X-Hop"))
	})
}

func TestPlainAndTLS(t *testing.T) {
	plain, secure := httptest.NewServer(echo()), httptest.NewTLSServer(echo())
	defer plain.Close()
	defer secure.Close()
	w := &world{names: map[string][]string{"example.com": {"1.1.1.1"}}, server: plain.Listener.Addr().String()}
	proxy, _ := serve(t, w, nil)
	req, err := http.NewRequest(http.MethodPost, "http://example.com/a", strings.NewReader("body"))
	require.NoError(t, err)
	req.Header.Set("Connection", "X-Hop")
	req.Header.Set("X-Hop", "1")
	req.Header.Set("Proxy-Authorization", "secret")
	resp, err := client(t, proxy, nil).Do(req)
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "POST example.com/a body ", string(text))

	w = &world{names: map[string][]string{"example.com": {"10.0.0.1", "2.2.2.2"}}, server: secure.Listener.Addr().String()}
	proxy, _ = serve(t, w, nil)
	resp, err = client(t, proxy, secure).Get("https://example.com/b")
	require.NoError(t, err)
	text, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, "GET example.com/b  ", string(text))
	resolved, dialled := w.seen()
	require.Equal(t, []string{"example.com"}, resolved, "resolved more than once")
	require.Equal(t, []string{"2.2.2.2:443"}, dialled, "not the address that was checked")
}

func TestRefusals(t *testing.T) {
	w := &world{names: map[string][]string{
		"metadata": {"169.254.169.254"}, "inside": {"10.1.2.3", "fd00::1"}, "mapped": {"::ffff:127.0.0.1"}, "mail": {"1.1.1.1"},
	}, server: "127.0.0.1:1"}
	proxy, _ := serve(t, w, nil)
	for request, want := range map[string]struct {
		status int
		says   string
	}{
		"GET http://metadata/latest HTTP/1.1\r\nHost: metadata\r\n\r\n":             {403, "link-local"},
		"GET http://127.0.0.1:26657/ HTTP/1.1\r\nHost: x\r\n\r\n":                   {403, "loopback"},
		"GET http://[::1]/ HTTP/1.1\r\nHost: x\r\n\r\n":                             {403, "loopback"},
		"GET http://[64:ff9b::7f00:1]/ HTTP/1.1\r\nHost: x\r\n\r\n":                 {403, "stands for"},
		"CONNECT inside:443 HTTP/1.1\r\nHost: inside:443\r\n\r\n":                   {403, "private"},
		"CONNECT mapped:443 HTTP/1.1\r\nHost: mapped:443\r\n\r\n":                   {403, "loopback"},
		"CONNECT mail:25 HTTP/1.1\r\nHost: mail:25\r\n\r\n":                         {403, "mail servers"},
		"CONNECT 192.168.1.1:22 HTTP/1.1\r\nHost: 192.168.1.1:22\r\n\r\n":           {403, "private"},
		"CONNECT mail HTTP/1.1\r\nHost: mail\r\n\r\n":                               {403, "HOST:PORT"},
		"CONNECT nowhere:443 HTTP/1.1\r\nHost: nowhere:443\r\n\r\n":                 {502, "cannot be resolved"},
		"GET /path HTTP/1.1\r\nHost: metadata\r\n\r\n":                              {400, "this is a proxy"},
		"GET https://mail/ HTTP/1.1\r\nHost: mail\r\n\r\n":                          {400, "this is a proxy"},
		"GET http://0x7f000001/ HTTP/1.1\r\nHost: x\r\n\r\n":                        {502, "cannot be resolved"},
		"GET http://metadata@1.1.1.1:99999/ HTTP/1.1\r\nHost: x\r\n\r\n":            {403, "port"},
		"CONNECT [fe80::1%25eth0]:80 HTTP/1.1\r\nHost: [fe80::1%25eth0]:80\r\n\r\n": {403, "link-local"},
	} {
		conn, err := net.Dial("tcp", proxy)
		require.NoError(t, err)
		_, err = io.WriteString(conn, request)
		require.NoError(t, err)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		require.NoError(t, err, request)
		text, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.Equal(t, want.status, resp.StatusCode, "%s\n%s", request, text)
		require.Contains(t, string(text), want.says, request)
		resp.Body.Close()
		conn.Close()
	}
	_, dialled := w.seen()
	require.Empty(t, dialled, "something forbidden was dialled")
}

func TestOwnAddressesAreForbidden(t *testing.T) {
	own, err := net.InterfaceAddrs()
	require.NoError(t, err)
	for _, o := range own {
		require.ErrorIs(t, foreignAndPublic(netip.MustParsePrefix(o.String()).Addr()), ErrForbidden)
	}
	require.NoError(t, foreignAndPublic(netip.MustParseAddr("1.1.1.1")))
}

// echoTCP answers with what it gets.
func echoTCP(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var group sync.WaitGroup
	group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() { defer c.Close(); _, _ = io.Copy(c, c) })
		}
	})
	t.Cleanup(func() { l.Close(); group.Wait() })
	return l.Addr().String()
}

func connect(t *testing.T, proxy string) (*net.TCPConn, *bufio.Reader, int) {
	t.Helper()
	conn, err := net.Dial("tcp", proxy)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	// Bytes right behind the request are the tunnel's.
	_, err = io.WriteString(conn, "CONNECT 1.1.1.1:443 HTTP/1.1\r\nHost: 1.1.1.1:443\r\n\r\nearly")
	require.NoError(t, err)
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, &http.Request{Method: http.MethodConnect})
	require.NoError(t, err)
	return conn.(*net.TCPConn), r, resp.StatusCode
}

func TestTunnel(t *testing.T) {
	w := &world{server: echoTCP(t)}
	proxy, _ := serve(t, w, nil)
	conn, r, status := connect(t, proxy)
	require.Equal(t, 200, status)
	_, err := io.WriteString(conn, " and late")
	require.NoError(t, err)
	require.NoError(t, conn.CloseWrite())
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "early and late", string(text))
}

func TestLimits(t *testing.T) {
	w := &world{server: echoTCP(t)}
	proxy, p := serve(t, w, func(c *Config) { c.MaxConns, c.Idle = 2, 300*time.Millisecond })
	a, ra, status := connect(t, proxy)
	require.Equal(t, 200, status)
	_, _, status = connect(t, proxy)
	require.Equal(t, 200, status)
	_, _, status = connect(t, proxy)
	require.Equal(t, 503, status)
	// The first moves, in one direction at a time; the second does not.
	require.Eventually(t, func() bool {
		_, err := io.WriteString(a, "x")
		require.NoError(t, err)
		_, err = ra.ReadByte()
		require.NoError(t, err)
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.tunnels) == 2
	}, 30*time.Second, 50*time.Millisecond, "an idle tunnel stays open")
	require.NoError(t, a.Close())
	require.Eventually(t, func() bool { return len(p.slots) == 0 }, 30*time.Second, 10*time.Millisecond, "a slot is lost")
}

// TestCloseEndsTunnels: nothing of a program's connections outlives its run.
func TestCloseEndsTunnels(t *testing.T) {
	w := &world{server: echoTCP(t)}
	proxy, p := serve(t, w, nil)
	_, r, status := connect(t, proxy)
	require.Equal(t, 200, status)
	require.NoError(t, p.Close())
	_, err := io.Copy(io.Discard, r)
	_ = err // reset or ended
	require.Empty(t, p.tunnels)
	require.Empty(t, p.slots)
}
