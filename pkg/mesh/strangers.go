package mesh

import (
	"errors"
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// strangers are connected and open a stream of gossip to us without speaking it: gossip keeps no score of them, so that each of
// their messages would cost a signature for ever. A few are looked at: a peer may speak before it is known that it does.
type strangers struct {
	mu    sync.Mutex
	peers map[peer.ID]bool
	said  map[peer.ID]int
	since time.Time
}

var errStranger = errors.New("it does not speak gossip")

func newStrangers() *strangers { return &strangers{peers: map[peer.ID]bool{}, said: map[peer.ID]int{}} }

func (s *strangers) known(id peer.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peers[id]
}

// inspect drops what a stranger says beyond a few times a minute.
func (s *strangers) inspect(id peer.ID, rpc *pubsub.RPC) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peers[id] || len(rpc.Publish) == 0 {
		return nil
	}
	if now := time.Now(); now.Sub(s.since) > forgiven {
		s.since = now
		clear(s.said)
	}
	if s.said[id] += len(rpc.Publish); s.said[id] > faults {
		return errStranger
	}
	return nil
}

// OnNewOutboundStream implements pubsub.RawTracer.
func (s *strangers) OnNewOutboundStream(id peer.ID, _ protocol.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers[id] = true
	delete(s.said, id)
}

// OnClosedOutboundStream implements pubsub.RawTracer.
func (s *strangers) OnClosedOutboundStream(id peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.peers, id)
}

var _ pubsub.RawTracer = (*strangers)(nil)

// What follows is of no interest.

// Join implements pubsub.RawTracer.
func (*strangers) Join(string) {}

// Leave implements pubsub.RawTracer.
func (*strangers) Leave(string) {}

// Graft implements pubsub.RawTracer.
func (*strangers) Graft(peer.ID, string) {}

// Prune implements pubsub.RawTracer.
func (*strangers) Prune(peer.ID, string) {}

// ValidateMessage implements pubsub.RawTracer.
func (*strangers) ValidateMessage(*pubsub.Message) {}

// DeliverMessage implements pubsub.RawTracer.
func (*strangers) DeliverMessage(*pubsub.Message) {}

// RejectMessage implements pubsub.RawTracer.
func (*strangers) RejectMessage(*pubsub.Message, string) {}

// DuplicateMessage implements pubsub.RawTracer.
func (*strangers) DuplicateMessage(*pubsub.Message) {}

// ThrottlePeer implements pubsub.RawTracer.
func (*strangers) ThrottlePeer(peer.ID) {}

// RecvRPC implements pubsub.RawTracer.
func (*strangers) RecvRPC(*pubsub.RPC) {}

// SendRPC implements pubsub.RawTracer.
func (*strangers) SendRPC(*pubsub.RPC, peer.ID) {}

// DropRPC implements pubsub.RawTracer.
func (*strangers) DropRPC(*pubsub.RPC, peer.ID) {}

// UndeliverableMessage implements pubsub.RawTracer.
func (*strangers) UndeliverableMessage(*pubsub.Message) {}
