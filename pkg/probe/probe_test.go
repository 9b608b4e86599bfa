package probe

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/stretchr/testify/require"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"

	"github.com/edgematrix/emc/pkg/transfer"
)

const chainID = "emc-test-1"

// node is a host with a key that may serve probes.
type node struct {
	host.Host
	key secp256k1.PrivKey
}

func newNode(t *testing.T, listen ...string) node {
	t.Helper()
	secret, _, err := transfer.NewAccessKey()
	require.NoError(t, err)
	key, err := transfer.HostKey(secret)
	require.NoError(t, err)
	h, err := transfer.NewHost(t.Context(), key, listen)
	require.NoError(t, err)
	t.Cleanup(func() { _ = h.Close() })
	return node{h, secp256k1.PrivKey{Key: secret}}
}

func (n node) pubkey() transfer.PubKey { return transfer.PubKey(n.key.PubKey().Bytes()) }

func (n node) target() Target {
	return Target{Node: n.pubkey(), Endpoints: transfer.Endpoints(n.Host)}
}

// serves answers probes until the returned function ends it.
func (n node) serves(t *testing.T, sign func([]byte) ([]byte, error)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Serve(ctx, n.Host, Config{ChainID: chainID, Sign: sign, Logger: slog.New(slog.DiscardHandler)})
	}()
	require.Eventually(t, func() bool {
		for _, p := range n.Mux().Protocols() {
			if p == Protocol {
				return true
			}
		}
		return false
	}, 10*time.Second, time.Millisecond)
	stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-done)
	})
	t.Cleanup(stop)
	return stop
}

var tcp, udp = "/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"

func asker(t *testing.T, timeout time.Duration) *Client {
	t.Helper()
	return &Client{Host: newNode(t).Host, ChainID: chainID, Timeout: timeout, Private: true}
}

// A node answers over both transports, again and again, and no more once it is gone.
func TestAnswers(t *testing.T) {
	for _, listen := range []string{tcp, udp} {
		n := newNode(t, listen)
		c := asker(t, 20*time.Second)
		require.ErrorContains(t, c.Probe(t.Context(), n.target()), "no probes are answered there")
		stop := n.serves(t, n.key.Sign)
		for range 3 {
			require.NoError(t, c.Probe(t.Context(), n.target()), listen)
			require.Eventually(t, func() bool { return len(c.Host.Network().Conns()) == 0 }, 10*time.Second, time.Millisecond, "each probe dials anew")
		}
		stop()
		require.Error(t, c.Probe(t.Context(), n.target()))
		where := n.target()
		require.NoError(t, n.Close())
		c.Timeout = 2 * time.Second
		require.ErrorContains(t, c.Probe(t.Context(), where), "no connection")
	}
}

// Nobody answers for another: not with another key, not on another chain, not with
// what was signed for another prober or another challenge.
func TestNotTheNode(t *testing.T) {
	good, other := newNode(t, tcp), newNode(t, tcp)
	good.serves(t, good.key.Sign)
	c := asker(t, 20*time.Second)

	where := good.target()
	where.Node = other.pubkey()
	require.ErrorContains(t, c.Probe(t.Context(), where), "no connection", "another key at the node's address")

	stop := other.serves(t, good.key.Sign)
	require.ErrorIs(t, c.Probe(t.Context(), other.target()), ErrSignature)
	stop()
	c.ChainID = "emc-test-2"
	require.ErrorIs(t, c.Probe(t.Context(), good.target()), ErrSignature)
	c.ChainID = chainID

	// A machine that stands in for the node passes the challenge on to the real one: it
	// is signed for the machine, and not for who asked.
	var real Challenge
	passOn := newNode(t)
	middle := &Client{Host: passOn.Host, ChainID: chainID, Timeout: 20 * time.Second, Private: true}
	thief := newNode(t, tcp)
	thief.SetStreamHandler(Protocol, func(st network.Stream) {
		_, _ = io.ReadFull(st, real[:])
		signature, err := good.key.Sign(Message(chainID, real, transfer.PubKey(passOn.pubkey())))
		if err == nil {
			_, _ = st.Write(signature)
		}
		_ = st.Close()
	})
	require.NoError(t, middle.Probe(t.Context(), good.target()))
	where = thief.target()
	where.Node = good.pubkey()
	require.Error(t, c.Probe(t.Context(), where), "the handshake alone shows that it is another")
	own, err := transfer.PubKey33(c.Host.ID())
	require.NoError(t, err)
	signature, err := good.key.Sign(Message(chainID, real, passOn.pubkey()))
	require.NoError(t, err)
	require.ErrorIs(t, Verify(chainID, real, own, good.pubkey(), signature), ErrSignature)
	require.NoError(t, Verify(chainID, real, passOn.pubkey(), good.pubkey(), signature))

	// A replay: the same challenge twice is what a prober never sends.
	require.ErrorIs(t, Verify(chainID, Challenge{1}, passOn.pubkey(), good.pubkey(), signature), ErrSignature)
}

// What is slow, empty, too long or no signature at all is no answer.
func TestBadAnswers(t *testing.T) {
	for name, serve := range map[string]func(n node, st network.Stream){
		"nothing": func(_ node, st network.Stream) { _ = st.Close() },
		"reset":   func(_ node, st network.Stream) { _ = st.Reset() },
		"garbage": func(_ node, st network.Stream) {
			_, _ = st.Write(bytes.Repeat([]byte{7}, signatureBytes))
			_ = st.Close()
		},
		"too short": func(_ node, st network.Stream) { _, _ = st.Write(make([]byte, 63)); _ = st.Close() },
		"endless": func(_ node, st network.Stream) {
			for {
				if _, err := st.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		},
		"right, and a byte more": func(n node, st network.Stream) {
			var c Challenge
			_, _ = io.ReadFull(st, c[:])
			prober, _ := transfer.PubKey33(st.Conn().RemotePeer())
			signature, _ := n.key.Sign(Message(chainID, c, prober))
			_, _ = st.Write(append(signature, 0))
			_ = st.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNode(t, tcp)
			n.SetStreamHandler(Protocol, func(st network.Stream) { serve(n, st) })
			require.Error(t, asker(t, 20*time.Second).Probe(t.Context(), n.target()))
		})
	}
	t.Run("slow", func(t *testing.T) {
		n, release := newNode(t, tcp), make(chan struct{})
		t.Cleanup(func() { close(release) })
		n.SetStreamHandler(Protocol, func(st network.Stream) { <-release; _ = st.Reset() })
		require.ErrorIs(t, asker(t, time.Second).Probe(t.Context(), n.target()), context.DeadlineExceeded)
	})
}

// A server holds out against who floods it, who sends nothing, and who sends half: an
// address gets its share of signatures and no more, and the server ends when told to.
func TestFlood(t *testing.T) {
	n := newNode(t, tcp)
	var signed atomic.Int64
	stop := n.serves(t, func(m []byte) ([]byte, error) { signed.Add(1); return n.key.Sign(m) })
	c := asker(t, 20*time.Second)
	began, passed := time.Now(), 0
	for range 3 * perAddressBurst {
		if c.Probe(t.Context(), n.target()) == nil {
			passed++
		}
	}
	most := perAddressBurst + int(time.Since(began).Seconds()+1)*perAddressSecond
	require.GreaterOrEqual(t, passed, 1)
	require.LessOrEqual(t, int(signed.Load()), most, "so many signatures an address gets")
	require.Less(t, passed, 3*perAddressBurst)

	// One that sends half a challenge and waits is cut off when the server ends.
	half := newNode(t)
	half.Peerstore().AddAddrs(n.ID(), n.Addrs(), time.Hour)
	st, err := half.NewStream(t.Context(), n.ID(), Protocol)
	require.NoError(t, err)
	_, err = st.Write(make([]byte, 5))
	require.NoError(t, err)
	stop()
	_, err = io.ReadAll(st)
	require.Error(t, err)
}

// Another address is answered while one floods; there may be many of them.
func TestAddressesHaveTheirOwnShare(t *testing.T) {
	s := newServer(Config{})
	at := func(address string) network.Conn { return fakeConn{address: address} }
	for range 10 * perAddressBurst {
		s.may(at("/ip4/203.0.113.7/tcp/1"))
	}
	require.False(t, s.may(at("/ip4/203.0.113.7/tcp/2")), "whatever port it comes from")
	require.True(t, s.may(at("/ip4/203.0.113.8/tcp/1")))
	for range 10 * perAddressBurst {
		s.may(at("/ip6/2001:db8:0:1::1/tcp/1"))
	}
	require.False(t, s.may(at("/ip6/2001:db8:0:ff::9/tcp/1")), "a customer has the whole of them")
	require.True(t, s.may(at("/ip6/2001:db8:1::9/tcp/1")))
	require.True(t, s.may(at("")), "what comes through a relay has no address, and a share")
}

// Addresses that are not of the internet are not dialed unless that is wanted, nor
// those of somebody else.
func TestWhereIsDialed(t *testing.T) {
	n, other := newNode(t, tcp), newNode(t, tcp)
	c := asker(t, time.Second)
	id := n.ID()
	list := func(endpoints ...string) int {
		direct, through, err := c.addresses(id, Target{Endpoints: endpoints})
		n := len(direct) + len(through)
		require.Equal(t, n == 0, err != nil)
		return n
	}
	c.Private = false
	for _, private := range []string{"/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/22", "/ip4/192.168.1.1/tcp/80", "/ip4/169.254.169.254/tcp/80", "/ip6/::1/tcp/1", "/ip6/fd00::1/tcp/1", "/ip4/0.0.0.0/tcp/1"} {
		require.Zero(t, list(private), private)
	}
	require.Equal(t, 1, list("/ip4/10.0.0.1/tcp/22", "/ip4/8.8.8.8/tcp/4600"))
	require.Equal(t, 1, list("/ip4/8.8.8.8/tcp/4600/p2p/"+id.String()))
	require.Zero(t, list("/ip4/8.8.8.8/tcp/4600/p2p/"+other.ID().String()))
	require.Zero(t, list("no address", ""))
	c.Private = true
	require.Equal(t, 1, list("/ip4/10.0.0.1/tcp/22"))
	through := "/p2p/" + other.ID().String() + "/p2p-circuit"
	require.Zero(t, list("/ip4/8.8.8.8/tcp/4600"+through), "by way of a router, to which it has nothing to say")
	c.Through = n.Host
	require.Equal(t, 1, list("/ip4/8.8.8.8/tcp/4600"+through))
	c.Private = false
	require.Zero(t, list("/ip4/192.168.1.1/tcp/4600"+through, through))
}

// The bytes that are signed are the protocol.
func TestMessage(t *testing.T) {
	m := Message("emc-1", Challenge{1, 2, 3}, transfer.PubKey{2, 9})
	require.Equal(t, "656d632f70726f62652f31"+
		"e43c2a67e124520a2a739c2a4f6c92883190079dd931680b870c9afad6edaa73"+
		"0102030000000000000000000000000000000000000000000000000000000000"+
		"020900000000000000000000000000000000000000000000000000000000000000", hex.EncodeToString(m))
	require.NotEqual(t, m, Message("emc-2", Challenge{1, 2, 3}, transfer.PubKey{2, 9}))
	require.ErrorIs(t, Verify("emc-1", Challenge{}, transfer.PubKey{}, transfer.PubKey{}, nil), ErrSignature)
	require.Error(t, Serve(t.Context(), nil, Config{}))
}
