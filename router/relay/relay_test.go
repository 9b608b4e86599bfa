package relay

import (
	"bytes"
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/pkg/probe"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/pkg/session/model"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/router/admission"
)

func TestJobOfAWorkerBehindANAT(t *testing.T) {
	s := newScene(t, nil)
	worker, other := s.node(), s.node()
	customer := s.customer(jobID, worker)
	go func() { _ = transfer.Serve(t.Context(), worker.host, one{owner: customer.pub()}) }()
	c, err := transfer.Dial(t.Context(), customer.host, transfer.Target{Node: worker.pub(), JobID: jobID, Endpoints: []string{
		"/ip4/127.0.0.1/tcp/1", transfer.CircuitEndpoints(s.at())[0]}})
	require.NoError(t, err)
	data, _, err := c.Result(t.Context())
	require.NoError(t, err)
	require.Equal(t, "the result", string(data))

	// It is that node's job, and nobody else's.
	require.Error(t, s.reach(customer, other, transfer.Introduction{Job: jobID}))
	require.False(t, transfer.Reached(customer.host, other.host.ID()))

	// The customer stays as long as the circuit is open, and goes when it is closed.
	here := func() bool { return transfer.Reached(s.router.host, customer.host.ID()) }
	for range 3 {
		s.change(func() { s.now, s.looked = s.now.Add(50*time.Second), map[receipt.Address]int{} })
		require.Eventually(t, func() (twice bool) {
			s.change(func() { twice = s.looked[customer.address()] > 1 })
			return twice
		}, 10*time.Second, 10*time.Millisecond, "the admission looks every second")
	}
	require.True(t, here())
	_, _, err = c.Result(t.Context())
	require.NoError(t, err)
	require.NoError(t, customer.host.Network().ClosePeer(worker.host.ID()))
	require.Eventually(t, func() bool { s.change(func() { s.now = s.now.Add(time.Minute) }); return !here() }, 10*time.Second, 100*time.Millisecond)
}

func TestStrangersGetNoCircuit(t *testing.T) {
	s := newScene(t, nil)
	worker, stranger := s.node(), newParty(t, nil)
	customer := s.customer(jobID, worker)
	require.Error(t, s.bare(stranger, worker))
	for _, i := range []transfer.Introduction{{}, {Job: jobID}, {Job: "ff"}, {Session: "ff"}, {Job: jobID, Session: "ff"}} {
		require.Error(t, s.reach(stranger, worker, i), i)
	}
	require.Error(t, s.bare(customer, worker), "who does not say who he is, is a stranger")
	require.Error(t, s.bare(worker, s.node()), "nor does a node have business with another")
	_, err := client.Reserve(t.Context(), stranger.host, s.at())
	require.Error(t, err, "a place is for nodes")
	require.NoError(t, s.reach(customer, worker, transfer.Introduction{Job: jobID}))
	require.Error(t, s.reach(stranger, customer, transfer.Introduction{Job: jobID}), "nothing but nodes is reached")

	// Keys cost nothing: the chain is not asked about all of them.
	s.change(func() { s.asked = 0 })
	_ = stranger.host.Connect(t.Context(), s.at())
	busy := false
	for range 40 {
		err := transfer.Introduce(t.Context(), stranger.host, s.router.host.ID(), transfer.Introduction{Job: jobID})
		require.Error(t, err)
		busy = busy || transfer.CodeOf(err) == transfer.CodeBusy
	}
	require.True(t, busy)
	s.change(func() { require.LessOrEqual(t, s.asked, 20) }) // the clock stands
}

// A validator's prober reaches every node, by a key that nobody knows: the hot key that the chain knows has signed it.
func TestProbersReachNodes(t *testing.T) {
	s := newScene(t, nil)
	worker, second := s.node(), s.node()
	hot, other := secp256k1.GenPrivKey(), secp256k1.GenPrivKey()
	public, err := receipt.ParsePublicKey(hot.PubKey().Bytes())
	require.NoError(t, err)
	s.change(func() { s.probers["validator"] = party{key: hot, public: public} })
	introduce := func(chain, validator string, guest party, key *secp256k1.PrivKey) transfer.Introduction {
		p, err := transfer.NewProber(chain, validator, guest.pub(), key.PubKey().Bytes(), key.Sign)
		require.NoError(t, err)
		return transfer.Introduction{Prober: p}
	}
	for _, n := range []party{worker, second} {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- probe.Serve(ctx, n.host, probe.Config{ChainID: chainID, Sign: n.key.Sign, Logger: slog.New(slog.DiscardHandler)})
		}()
		t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
	}
	asker := newParty(t, nil)
	c := probe.Client{Host: newParty(t, nil).host, Through: asker.host, ChainID: chainID, Timeout: 20 * time.Second, Private: true,
		Introduction: introduce(chainID, "validator", asker, hot)}
	target := func(n party) probe.Target {
		return probe.Target{Node: n.pub(), Endpoints: append([]string{"/ip4/127.0.0.1/tcp/1"}, transfer.CircuitEndpoints(s.at())...)}
	}
	for range 2 {
		require.NoError(t, c.Probe(t.Context(), target(worker)))
		require.NoError(t, c.Probe(t.Context(), target(second)))
	}
	require.Error(t, c.Probe(t.Context(), target(newParty(t, nil))), "who has no place here")

	thief := newParty(t, nil)
	for name, i := range map[string]transfer.Introduction{
		"signed for another":         introduce(chainID, "validator", asker, hot),
		"by another key":             introduce(chainID, "validator", thief, other),
		"for another chain":          introduce("emc-2", "validator", thief, hot),
		"of no validator who probes": introduce(chainID, "nobody", thief, hot),
		"without a word":             {Prober: &transfer.Prober{}},
	} {
		require.Error(t, s.reach(thief, worker, i), name)
	}
	both := introduce(chainID, "validator", thief, hot)
	both.Job = jobID
	require.Error(t, s.reach(thief, worker, both))
	require.NoError(t, s.reach(thief, worker, introduce(chainID, "validator", thief, hot)), "it is the signature that counts")
}

func TestLimits(t *testing.T) {
	s := newScene(t, func(ac *admission.Config, l *Limits) {
		ac.Guests, l.Circuits, l.Reservations, l.Carries = 3, 2, 2, 64<<10
	})
	worker, second := s.node(), s.node()
	third := newParty(t, nil)
	s.change(func() { s.nodes[third.address()] = true })
	_, err := client.Reserve(t.Context(), third.host, s.at())
	require.Error(t, err, "two places")

	var customers []party
	for i := range 4 {
		on := worker
		if i == 3 {
			on = second
		}
		customers = append(customers, s.customer(string([]byte{'a', byte('a' + i)}), on))
	}
	in := func(i int) transfer.Introduction {
		return transfer.Introduction{Job: string([]byte{'a', byte('a' + i)})}
	}
	require.NoError(t, s.reach(customers[0], worker, in(0)))
	require.NoError(t, s.reach(customers[1], worker, in(1)))
	require.Error(t, s.reach(customers[2], worker, in(2)), "a third circuit to one node")
	err = s.reach(customers[3], second, in(3))
	require.Equal(t, transfer.CodeBusy, transfer.CodeOf(err), "a fourth guest")
	require.NoError(t, customers[0].host.Network().ClosePeer(worker.host.ID()))
	require.Eventually(t, func() bool { return s.reach(customers[2], worker, in(2)) == nil }, 10*time.Second, 50*time.Millisecond)

	// A circuit that carried all it may is cut.
	worker.host.SetStreamHandler("/flood/1", func(st network.Stream) { _, _ = io.Copy(io.Discard, st) })
	st, err := customers[1].host.NewStream(transfer.AllowCircuit(t.Context()), worker.host.ID(), "/flood/1")
	require.NoError(t, err)
	require.NoError(t, st.SetWriteDeadline(time.Now().Add(20*time.Second)))
	_, err = st.Write(make([]byte, 1<<20))
	require.Error(t, err)
	require.Eventually(t, func() bool { return !transfer.Reached(customers[1].host, worker.host.ID()) }, 10*time.Second, 10*time.Millisecond)
}

// echo answers by the body, a byte a piece.
type echo struct{}

func (echo) Answer(_ context.Context, _ receipt.Request, body []byte, send func(call.Piece) error) error {
	for i := range body {
		if err := send(call.Piece{Data: body[i : i+1], Units: 1, Amount: 10}); err != nil {
			return err
		}
	}
	return nil
}

// A customer's own gateway streams an answer through a relay, and pays for it by vouchers in the middle.
func TestPaidCallThroughARelay(t *testing.T) {
	s := newScene(t, nil)
	worker, customer := s.node(), newParty(t, nil)
	id := receipt.NewSessionID([]byte("owner"), 1)
	s.change(func() { s.sessions[id.String()] = customer })
	chain := model.New(chainID, time.Hour, 10*time.Minute, time.Now)
	chain.Open(id, customer.public, 1<<40, 24*time.Hour, session.Router{Key: s.router.public, Allotment: 1 << 40})
	chain.SetCover(s.router.address(), worker.address(), 1<<40)
	node, err := session.NewNode(session.NodeConfig{ChainID: chainID, Key: worker.key, Public: worker.public, Chain: chain, Store: ledger.NewMemory(),
		Now: time.Now, Random: rand.Reader, Credit: 40, Unwritten: 20, Margin: time.Minute})
	require.NoError(t, err)
	sequencer, err := session.NewSequencer(session.SequencerConfig{ChainID: chainID, Key: s.router.key, Public: s.router.public, Chain: chain,
		Store: ledger.NewMemory(), Now: time.Now, Margin: time.Minute})
	require.NoError(t, err)
	pays, err := session.NewCustomer(session.CustomerConfig{ChainID: chainID, Session: id, Key: customer.key, Public: customer.public, KeyID: 1,
		Store: ledger.NewMemory(), Now: time.Now})
	require.NoError(t, err)
	lane, err := pays.Lane(s.router.address(), worker.public, sequencer)
	require.NoError(t, err)
	server := call.DefaultServerConfig(node, echo{})
	server.Logger = slog.New(slog.DiscardHandler)
	worker.host.SetStreamHandler(call.Protocol, func(st network.Stream) { _ = server.Serve(t.Context(), st) })

	require.NoError(t, s.reach(customer, worker, transfer.Introduction{Session: id.String()}))
	stream, err := customer.host.NewStream(transfer.AllowCircuit(t.Context()), worker.host.ID(), call.Protocol)
	require.NoError(t, err)
	require.True(t, stream.Conn().Stat().Limited, "it goes through the relay")
	c, err := call.NewClient(call.ClientConfig{Lane: lane, Slice: 20, Ahead: 1000, Wait: 5 * time.Second, Write: 5 * time.Second, Drain: 5 * time.Second}, stream)
	require.NoError(t, err)
	text := bytes.Repeat([]byte("streamed "), 20)
	k, err := c.Call(t.Context(), "echo", text, 10_000)
	require.NoError(t, err)
	got, err := io.ReadAll(k)
	require.NoError(t, err)
	require.Equal(t, string(text), string(got))
	require.EqualValues(t, 10*len(text), k.Receipt().Amount)
	require.NoError(t, c.Settle(t.Context()))
	require.Zero(t, lane.Standing().Owed())
	require.NoError(t, c.Close())

	families, err := s.metrics.Gather()
	require.NoError(t, err)
	carried := 0.0
	for _, f := range families {
		if f.GetName() == "libp2p_relaysvc_data_transferred_bytes_total" {
			carried = f.Metric[0].GetCounter().GetValue()
		}
	}
	require.Greater(t, carried, float64(len(text)))
}
