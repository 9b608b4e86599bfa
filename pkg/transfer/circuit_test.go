package transfer_test

import (
	"bytes"
	"context"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/transfer"
)

// behind is a worker that listens nowhere, and has a place with a relay.
type behind struct {
	*world
	relay      host.Host
	service    *relay.Relay
	introduced atomic.Int64
	refuse     atomic.Bool
	target     transfer.Target
}

func newBehind(t *testing.T, limit *relay.RelayLimit) *behind {
	t.Helper()
	b := &behind{world: &world{}}
	var owner transfer.PubKey
	b.relay, _ = newHost(t, loopback)
	b.worker, b.workerKey = newHost(t, nil)
	b.customer, owner = newHost(t, nil)
	b.backend = newMemory(jobID, owner)
	serve(t, b.worker, b.backend, nil)
	resources := relay.DefaultResources()
	resources.Limit = limit
	var err error
	b.service, err = relay.New(b.relay, relay.WithResources(resources))
	require.NoError(t, err)
	t.Cleanup(func() { _ = b.service.Close() })
	transfer.HandleIntroductions(t.Context(), b.relay, func(_ context.Context, from transfer.PubKey, i transfer.Introduction) error {
		if b.introduced.Add(1); b.refuse.Load() || from != owner || i.Job != jobID {
			return transfer.Errorf(transfer.CodeForbidden, "no such job")
		}
		return nil
	})
	at := peer.AddrInfo{ID: b.relay.ID(), Addrs: b.relay.Addrs()}
	require.NoError(t, b.worker.Connect(t.Context(), at))
	_, err = client.Reserve(t.Context(), b.worker, at)
	require.NoError(t, err)
	// The first endpoint is of a home's network, where nobody answers.
	b.target = transfer.Target{Node: b.workerKey, JobID: jobID, Endpoints: []string{"/ip4/127.0.0.1/tcp/1", transfer.CircuitEndpoints(at)[0]}}
	return b
}

func (b *behind) dial(t *testing.T) error {
	t.Helper()
	var err error
	b.client, err = transfer.Dial(t.Context(), b.customer, b.target, transfer.WithPatience(20*time.Second), transfer.WithIdleTimeout(5*time.Second))
	return err
}

// A job's inputs, log and outputs go through a relay, which sees who speaks to whom and no more.
func TestJobThroughARelay(t *testing.T) {
	b := newBehind(t, &relay.RelayLimit{Duration: time.Hour, Data: 1 << 30})
	require.NoError(t, b.dial(t))
	require.Equal(t, network.Limited, b.customer.Network().Connectedness(b.worker.ID()))
	b.carries(t)
	require.EqualValues(t, 1, b.introduced.Load())
	for _, c := range b.customer.Network().ConnsToPeer(b.worker.ID()) {
		require.True(t, c.RemotePublicKey().Equals(b.worker.Peerstore().PubKey(b.worker.ID())), "the handshake is with the worker, not with the relay")
	}
}

// What goes through a relay moves to a direct connection as soon as there is one, from where it stands.
func TestTransfersMoveToADirectConnection(t *testing.T) {
	b := newBehind(t, &relay.RelayLimit{Duration: time.Hour, Data: 1 << 30})
	require.NoError(t, b.dial(t))
	listen, err := ma.NewMultiaddr("/ip4/127.0.0.1/tcp/0")
	require.NoError(t, err)
	require.NoError(t, b.worker.Network().Listen(listen))
	at := peer.AddrInfo{ID: b.worker.ID(), Addrs: b.worker.Addrs()}
	b.backend.setLog("one\n", false)
	read, write := io.Pipe()
	done := make(chan error, 1)
	go func() { _, err := b.client.Logs(t.Context(), 0, true, write); done <- err }()
	line := make([]byte, 4)
	_, err = io.ReadFull(read, line)
	require.NoError(t, err)
	require.Equal(t, network.Limited, b.customer.Network().Connectedness(b.worker.ID()))
	require.NoError(t, b.customer.Connect(network.WithForceDirectDial(t.Context(), "test"), at))
	require.Eventually(t, func() bool {
		for _, c := range b.customer.Network().ConnsToPeer(b.worker.ID()) {
			for _, st := range c.GetStreams() {
				if st.Protocol() == transfer.Protocol {
					return !c.Stat().Limited
				}
			}
		}
		return false
	}, time.Minute, time.Millisecond, "the log is read by the direct connection")
	require.NoError(t, b.relay.Close())
	b.backend.setLog("one\ntwo\n", true)
	rest, err := io.ReadAll(io.LimitReader(read, 4))
	require.NoError(t, err)
	require.Equal(t, "two\n", string(rest))
	require.NoError(t, <-done)
}

// A relay that cuts a circuit costs what did not arrive, not the transfer.
func TestCircuitsThatAreCut(t *testing.T) {
	b := newBehind(t, &relay.RelayLimit{Duration: time.Hour, Data: 1 << 20})
	require.NoError(t, b.dial(t))
	b.carries(t)
	require.GreaterOrEqual(t, b.introduced.Load(), int64(3), "three megabytes need more than two circuits of one")
}

func (b *behind) carries(t *testing.T) {
	t.Helper()
	source := b.backend.want(randomBytes(1, 3_000_000))
	require.NoError(t, b.client.Upload(t.Context(), []byte("spec"), job.Salt{}, []transfer.Source{source}, nil))
	require.Equal(t, source.SHA256, sumOf(b.backend.blobs[source.SHA256]))
	b.backend.setLog("hello\n", true)
	var log bytes.Buffer
	_, err := b.client.Logs(t.Context(), 0, true, &log)
	require.NoError(t, err)
	require.Equal(t, "hello\n", log.String())
	r := b.backend.offerOutputs(t, map[string][]byte{"out": randomBytes(2, 500_000)})
	require.NoError(t, b.client.Download(t.Context(), t.TempDir(), r, nil))
}

func TestRelayThatRefuses(t *testing.T) {
	b := newBehind(t, &relay.RelayLimit{Duration: time.Hour, Data: 1 << 20})
	b.refuse.Store(true)
	require.ErrorContains(t, b.dial(t), "no such job")
	require.Equal(t, network.NotConnected, b.customer.Network().Connectedness(b.worker.ID()))
	b.refuse.Store(false)
	require.NoError(t, b.dial(t))
}

// A circuit stands beside a direct connection: who has both, chooses.
func TestCircuitBesideADirectConnection(t *testing.T) {
	b := newBehind(t, &relay.RelayLimit{Duration: time.Hour, Data: 1 << 20})
	// The worker dials the customer, as nodes dial routers.
	customer, key := newHost(t, loopback)
	transfer.HandleIntroductions(t.Context(), b.relay, func(_ context.Context, from transfer.PubKey, _ transfer.Introduction) error {
		require.Equal(t, key, from)
		return nil
	})
	require.NoError(t, b.worker.Connect(t.Context(), peer.AddrInfo{ID: customer.ID(), Addrs: customer.Addrs()}))
	require.Eventually(t, func() bool { return customer.Network().Connectedness(b.worker.ID()) == network.Connected }, 10*time.Second, time.Millisecond)
	direct, err := transfer.RTT(t.Context(), customer, b.worker.ID())
	require.NoError(t, err)
	require.Positive(t, direct)
	c, err := transfer.OpenCircuit(t.Context(), customer, peer.AddrInfo{ID: b.relay.ID(), Addrs: b.relay.Addrs()}, b.worker.ID(), transfer.Introduction{Job: jobID})
	require.NoError(t, err)
	through, err := c.RTT(t.Context())
	require.NoError(t, err)
	require.Positive(t, through)
	got := make(chan bool, 1)
	b.worker.SetStreamHandler("/test/1", func(st network.Stream) { got <- st.Conn().Stat().Limited; _, _ = st.Write([]byte("x")) })
	st, err := c.NewStream(t.Context(), "/test/1")
	require.NoError(t, err)
	_, err = st.Read(make([]byte, 1))
	require.NoError(t, err)
	require.True(t, <-got, "through the relay")
	require.Never(t, c.IsClosed, 300*time.Millisecond, 10*time.Millisecond, "that this end answers no questions does no harm")

	// The direct connection breaks, the circuit stays; and the other way round.
	require.NoError(t, customer.Network().ClosePeer(b.worker.ID()))
	_, err = c.RTT(t.Context())
	require.NoError(t, err)
	require.NoError(t, b.relay.Network().ClosePeer(b.worker.ID()))
	require.Eventually(t, c.IsClosed, 10*time.Second, time.Millisecond)
	_, err = c.RTT(t.Context())
	require.Error(t, err)
	require.NoError(t, c.Close())
}

func TestOpen(t *testing.T) {
	for endpoint, open := range map[string]bool{
		"/ip4/8.8.8.8/tcp/4600": true, "/ip4/192.168.1.7/tcp/4600": false, "/ip4/100.64.1.7/tcp/4600": false, "/ip4/127.0.0.1/tcp/1": false,
		"/ip6/2001:4860:4860::8888/tcp/4600": false, "/dns4/worker.example/tcp/4600": false, "rubbish": false,
		"/ip4/8.8.8.8/tcp/4700/p2p/16Uiu2HAmEKbzV3ZdLuQFRDeyxmaKcCu9LCkBR2dxcRvVvkUNHgSQ/p2p-circuit": false,
	} {
		require.Equal(t, open, transfer.Open([]string{endpoint}), endpoint)
	}
}
