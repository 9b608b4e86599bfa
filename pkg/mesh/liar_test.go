package mesh

import (
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	pb "github.com/libp2p/go-libp2p-pubsub/pb"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"github.com/edgematrix/emc/pkg/receipt"
)

// ear keeps what a node says, as it was signed.
type ear struct {
	mu     sync.Mutex
	kept   []*pb.Message
	untrue int // whose signature is not the author's
}

func (e *ear) RejectMessage(_ *pubsub.Message, reason string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if reason == pubsub.RejectInvalidSignature {
		e.untrue++
	}
}

func (e *ear) refused() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.untrue
}

func (e *ear) ValidateMessage(m *pubsub.Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.kept = append(e.kept, proto.Clone(m.Message).(*pb.Message))
}

func (e *ear) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.kept)
}

// What is of no interest.
func (*ear) OnNewOutboundStream(peer.ID, protocol.ID) {}
func (*ear) OnClosedOutboundStream(peer.ID)           {}
func (*ear) Join(string)                              {}
func (*ear) Leave(string)                             {}
func (*ear) Graft(peer.ID, string)                    {}
func (*ear) Prune(peer.ID, string)                    {}
func (*ear) DeliverMessage(*pubsub.Message)           {}
func (*ear) DuplicateMessage(*pubsub.Message)         {}
func (*ear) ThrottlePeer(peer.ID)                     {}
func (*ear) RecvRPC(*pubsub.RPC)                      {}
func (*ear) SendRPC(*pubsub.RPC, peer.ID)             {}
func (*ear) DropRPC(*pubsub.RPC, peer.ID)             {}
func (*ear) UndeliverableMessage(*pubsub.Message)     {}

// liar is a router that passes on what it likes, when it likes, to one other.
type liar struct {
	*testing.T
	host   host.Host
	stream network.Stream
}

// newLiar speaks gossip, or opens a stream without.
func newLiar(t *testing.T, to host.Host, speaks bool, known func(peer.ID) bool) *liar {
	t.Helper()
	l := &liar{T: t}
	l.host, _ = newHost(t)
	if speaks {
		l.host.SetStreamHandler(pubsub.GossipSubID_v11, func(s network.Stream) { _, _ = io.Copy(io.Discard, s) })
	}
	connect(t, l.host, to)
	require.Eventually(t, func() bool { return known(l.host.ID()) == speaks }, 10*time.Second, time.Millisecond)
	var err error
	l.stream, err = l.host.NewStream(t.Context(), to.ID(), pubsub.GossipSubID_v11)
	require.NoError(t, err)
	return l
}

func (l *liar) passes(messages ...*pb.Message) {
	l.Helper()
	b, err := proto.Marshal(&pb.RPC{Publish: messages})
	require.NoError(l, err)
	_, err = l.stream.Write(append(binary.AppendUvarint(nil, uint64(len(b))), b...))
	require.NoError(l, err)
}

// forged says something else in a node's name.
func forged(m *pb.Message, s Status, t *testing.T) *pb.Message {
	t.Helper()
	out := proto.Clone(m).(*pb.Message)
	var err error
	out.Data, err = s.Marshal()
	require.NoError(t, err)
	return out
}

// A router that lies: it forges what a node said, holds it back, says it again later and in another order, and passes on what the
// node itself said twofold. The router that hears it believes each status once, unchanged, and none that is older than what it
// has; soon it looks at nothing that comes from there, and hears the node by the others.
func TestALyingRouter(t *testing.T) {
	for _, speaks := range []bool{true, false} {
		t.Run(fmt.Sprint("speaks gossip ", speaks), func(t *testing.T) { lyingRouter(t, speaks) })
	}
}

func lyingRouter(t *testing.T, speaks bool) {
	at, _ := newHost(t)
	node, self := newHost(t)
	friend, _ := newHost(t)
	heard := make(chan Status, 100)
	join := func(h host.Host, cfg Config) *Topic {
		cfg.Host, cfg.ChainID, cfg.Logger = h, "emc-1", slog.New(slog.DiscardHandler)
		topic, err := Join(t.Context(), cfg)
		require.NoError(t, err)
		go func() { _ = topic.Run(t.Context()) }()
		return topic
	}
	admit := func(a receipt.Address) bool { return a == self }
	judge := &ear{}
	known := join(at, Config{Tracer: judge, Admit: admit, Heard: func(s Status) { heard <- s }}).strangers.known
	kept := &ear{}
	join(friend, Config{Admit: func(receipt.Address) bool { return true }, Heard: func(Status) {}, Tracer: kept})
	says := join(node, Config{})
	connect(t, node, friend)
	require.Eventually(t, func() bool { return says.Routers() == 1 }, 10*time.Second, time.Millisecond)
	idle, busy := status(0), status(0)
	busy.Apps[0].Running = 2
	say := func(sequence uint64, s Status) *pb.Message {
		s.Sequence = sequence
		before := kept.count()
		require.NoError(t, says.Say(t.Context(), s))
		require.Eventually(t, func() bool { return kept.count() > before }, 10*time.Second, time.Millisecond)
		return kept.kept[before]
	}
	old, now, twofold, next, last := say(5, idle), say(6, busy), say(6, idle), say(7, busy), say(8, busy)
	expect := func(sequence uint64) {
		t.Helper()
		select {
		case got := <-heard:
			require.Equal(t, sequence, got.Sequence)
			require.EqualValues(t, 2, got.Apps[0].Running, "it was changed")
			require.Equal(t, self, got.Node)
		case <-time.After(20 * time.Second):
			t.Fatal("it was not heard")
		}
	}

	l := newLiar(t, at, speaks, known)
	l.passes(now)
	expect(6)
	lie := idle
	lie.Sequence = 1 << 60 // what the node says after that would be old
	l.passes(forged(next, lie, t), old, now, twofold)
	l.passes(next)
	expect(7) // and none of the others, which came before

	// Fifteen forgeries, and what is true is not looked at either.
	for i := range 15 {
		f := forged(last, lie, t)
		f.Seqno = binary.BigEndian.AppendUint64(nil, uint64(i)+1)
		l.passes(f)
	}
	looked := 1 + 15
	if !speaks {
		looked = 1 + faults - 6 // six messages came before them
	}
	require.Eventually(t, func() bool { return judge.refused() == looked }, 10*time.Second, time.Millisecond)
	l.passes(last)
	require.Never(t, func() bool { return len(heard) > 0 }, 500*time.Millisecond, 10*time.Millisecond)
	honest := newLiar(t, at, true, known) // which passes on what it heard
	honest.passes(last)
	expect(8)
}
