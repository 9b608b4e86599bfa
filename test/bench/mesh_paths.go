package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/session/call"
	"github.com/edgematrix/emc/pkg/session/ledger"
	"github.com/edgematrix/emc/pkg/session/model"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/router/relay"
)

// pathCalls is how many calls go each way, in turns.
const pathCalls = 500

// meshPathFigures measure what a router between caller and node costs a paid call: libp2p, its encryption and a router's relay
// are real, the lines are this machine's loopback, so their own delay comes on top of all three ways.
func meshPathFigures(string) (figures []Figure, err error) {
	ctx, stop := context.WithCancel(context.Background())
	w := &ways{chain: model.New(benchChain, time.Hour, 10*time.Minute, time.Now)}
	defer func() { stop(); err = errors.Join(err, w.close()) }()
	direct, beside, behind, err := w.open(ctx)
	if err != nil {
		return nil, err
	}
	var reference, hop, nat []float64
	for i := range pathCalls + 20 {
		var took [3]float64
		for j, c := range []*call.Client{direct, beside, behind} {
			if took[j], err = timeCall(ctx, c); err != nil {
				return nil, err
			}
		}
		if i < 20 { // until all is warm
			continue
		}
		reference, hop, nat = append(reference, took[0]), append(hop, took[1]-took[0]), append(nat, took[2]-took[0])
	}
	return []Figure{
		{"mesh.direct_call.p50_ms", median(reference), "ms for a small paid call by a direct connection: the reference of the two below", "-"},
		{"mesh.extra_hop.p50_ms", median(hop), "ms more through one more router, to the same node, lines without a delay", "<= 5"},
		{"mesh.nat_overhead.p50_ms", median(nat), "ms more to a node that listens nowhere, by a circuit, lines without a delay", "<= 5"},
	}, nil
}

func timeCall(ctx context.Context, c *call.Client) (float64, error) {
	body := bytes.Repeat([]byte("x"), 64)
	began := time.Now()
	k, err := c.Call(ctx, "echo", body, 10_000)
	if err != nil {
		return 0, err
	}
	got, err := io.ReadAll(k)
	if err == nil && !bytes.Equal(got, body) {
		err = errors.New("the answer is another")
	}
	return ms(time.Since(began)), err
}

// ways is a caller, a router, and two nodes, of which one listens nowhere.
type ways struct {
	chain *model.Chain
	ends  []func() error
}

func (w *ways) close() (err error) {
	for i := len(w.ends) - 1; i >= 0; i-- {
		err = errors.Join(err, w.ends[i]())
	}
	return err
}

// end is somebody with a key and a host.
type end struct {
	key    *secp256k1.PrivKey
	public receipt.PublicKey
	host   host.Host
}

func (w *ways) party(ctx context.Context, listen []string, options ...transfer.HostOption) (p end, err error) {
	p.key = secp256k1.GenPrivKey()
	if p.public, err = receipt.ParsePublicKey(p.key.PubKey().Bytes()); err != nil {
		return p, err
	}
	identity, err := transfer.HostKey(p.key.Key)
	if err != nil {
		return p, err
	}
	if p.host, err = transfer.NewHost(ctx, identity, listen, options...); err == nil {
		w.ends = append(w.ends, p.host.Close)
	}
	return p, err
}

func (w *ways) open(ctx context.Context) (direct, beside, behind *call.Client, err error) {
	loopback := []string{"/ip4/127.0.0.1/tcp/0"}
	router, err := w.party(ctx, loopback, transfer.WithCircuits(relay.Circuits, relay.CircuitsOfPeer))
	if err != nil {
		return nil, nil, nil, err
	}
	at := peer.AddrInfo{ID: router.host.ID(), Addrs: router.host.Addrs()}
	all := func(receipt.Address) bool { return true }
	service, err := relay.New(relay.Config{Host: router.host, ChainID: benchChain, Node: all, Customer: all, Limits: relay.DefaultLimits(), Now: time.Now})
	if err != nil {
		return nil, nil, nil, err
	}
	w.ends = append(w.ends, service.Close)
	transfer.HandleIntroductions(ctx, router.host, service.Judge)
	customer, err := w.party(ctx, nil)
	if err != nil {
		return nil, nil, nil, err
	}
	near, err := w.party(ctx, loopback)
	if err != nil {
		return nil, nil, nil, err
	}
	far, err := w.party(ctx, nil)
	if err != nil {
		return nil, nil, nil, err
	}
	payer, err := w.payer(router, customer)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, n := range []end{near, far} {
		if err := n.host.Connect(ctx, at); err != nil {
			return nil, nil, nil, err
		}
		if _, err := client.Reserve(ctx, n.host, at); err != nil {
			return nil, nil, nil, err
		}
		if err := w.serve(ctx, router, n); err != nil {
			return nil, nil, nil, err
		}
	}
	if err := customer.host.Connect(ctx, peer.AddrInfo{ID: near.host.ID(), Addrs: near.host.Addrs()}); err != nil {
		return nil, nil, nil, err
	}
	st, err := customer.host.NewStream(ctx, near.host.ID(), call.Protocol)
	if err != nil {
		return nil, nil, nil, err
	}
	if direct, err = payer(near, st); err != nil {
		return nil, nil, nil, err
	}
	through := func(n end) (*call.Client, error) {
		c, err := transfer.OpenCircuit(ctx, customer.host, at, n.host.ID(), transfer.Introduction{})
		if err != nil {
			return nil, err
		}
		w.ends = append(w.ends, c.Close)
		st, err := c.NewStream(ctx, call.Protocol)
		if err != nil {
			return nil, err
		}
		return payer(n, st)
	}
	if beside, err = through(near); err != nil {
		return nil, nil, nil, fmt.Errorf("a circuit beside a direct connection: %w", err)
	}
	if behind, err = through(far); err != nil {
		return nil, nil, nil, fmt.Errorf("a circuit to a node that listens nowhere: %w", err)
	}
	return direct, beside, behind, nil
}

// payer is a customer with a session for each way.
func (w *ways) payer(router, customer end) (func(node end, st io.ReadWriteCloser) (*call.Client, error), error) {
	sequencer, err := session.NewSequencer(session.SequencerConfig{ChainID: benchChain, Key: router.key, Public: router.public, Chain: w.chain,
		Store: ledger.NewMemory(), Now: time.Now, Margin: time.Minute})
	if err != nil {
		return nil, err
	}
	sessions := uint64(0)
	return func(node end, st io.ReadWriteCloser) (*call.Client, error) {
		sessions++
		id := receipt.NewSessionID([]byte("bench"), sessions)
		w.chain.Open(id, customer.public, 1<<40, 24*time.Hour, session.Router{Key: router.public, Allotment: 1 << 40})
		pays, err := session.NewCustomer(session.CustomerConfig{ChainID: benchChain, Session: id, Key: customer.key, Public: customer.public, KeyID: 1,
			Store: ledger.NewMemory(), Now: time.Now})
		if err != nil {
			return nil, err
		}
		lane, err := pays.Lane(router.public.Address(), node.public, sequencer)
		if err != nil {
			return nil, err
		}
		const wait, slice = 30 * time.Second, 1 << 20
		return call.NewClient(call.ClientConfig{Lane: lane, Slice: slice, Ahead: slice, Wait: wait, Write: wait, Drain: wait}, st)
	}, nil
}

// serve has a node answer paid calls.
func (w *ways) serve(ctx context.Context, router, n end) error {
	w.chain.SetCover(router.public.Address(), n.public.Address(), 1<<40)
	node, err := session.NewNode(session.NodeConfig{ChainID: benchChain, Key: n.key, Public: n.public, Chain: w.chain, Store: ledger.NewMemory(),
		Now: time.Now, Random: rand.Reader, Credit: 1 << 30, Unwritten: 1 << 20, Margin: time.Minute})
	if err != nil {
		return err
	}
	server := call.DefaultServerConfig(node, echoApp{})
	server.Logger = slog.New(slog.DiscardHandler)
	n.host.SetStreamHandler(call.Protocol, func(st network.Stream) { _ = server.Serve(ctx, st) })
	return nil
}

// echoApp answers by the body.
type echoApp struct{}

func (echoApp) Answer(_ context.Context, _ receipt.Request, body []byte, send func(call.Piece) error) error {
	return send(call.Piece{Data: body, Units: 1, Amount: 1})
}
