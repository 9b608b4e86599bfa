package simulate

import (
	"sync"
	"sync/atomic"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"google.golang.org/protobuf/proto"
)

// trace counts a router's gossip. The bytes are those of libp2p's frames, before encryption.
type trace struct {
	self peer.ID
	// Of all traffic.
	in, out, received, dropped atomic.Int64
	mesh                       atomic.Int64 // places in it

	mu        sync.Mutex
	validated map[peer.ID]int64 // whose signature was verified, by author
}

var _ pubsub.RawTracer = (*trace)(nil)

// RecvRPC implements pubsub.RawTracer.
func (t *trace) RecvRPC(rpc *pubsub.RPC) {
	t.in.Add(int64(proto.Size(&rpc.RPC)))
	t.received.Add(int64(len(rpc.Publish)))
}

// SendRPC implements pubsub.RawTracer.
func (t *trace) SendRPC(rpc *pubsub.RPC, _ peer.ID) { t.out.Add(int64(proto.Size(&rpc.RPC))) }

// DropRPC implements pubsub.RawTracer.
func (t *trace) DropRPC(*pubsub.RPC, peer.ID) { t.dropped.Add(1) }

// RejectMessage implements pubsub.RawTracer.
func (t *trace) RejectMessage(_ *pubsub.Message, reason string) {
	if reason == pubsub.RejectValidationQueueFull {
		t.dropped.Add(1)
	}
}

// UndeliverableMessage implements pubsub.RawTracer.
func (t *trace) UndeliverableMessage(*pubsub.Message) { t.dropped.Add(1) }

// ValidateMessage implements pubsub.RawTracer.
func (t *trace) ValidateMessage(m *pubsub.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.validated == nil {
		t.validated = map[peer.ID]int64{}
	}
	t.validated[m.GetFrom()]++
}

func (t *trace) validatedOf(id peer.ID) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.validated[id]
}

// Graft implements pubsub.RawTracer.
func (t *trace) Graft(peer.ID, string) { t.mesh.Add(1) }

// Prune implements pubsub.RawTracer.
func (t *trace) Prune(peer.ID, string) { t.mesh.Add(-1) }

// What follows is of no interest.

// OnNewOutboundStream implements pubsub.RawTracer.
func (*trace) OnNewOutboundStream(peer.ID, protocol.ID) {}

// OnClosedOutboundStream implements pubsub.RawTracer.
func (*trace) OnClosedOutboundStream(peer.ID) {}

// Join implements pubsub.RawTracer.
func (*trace) Join(string) {}

// Leave implements pubsub.RawTracer.
func (*trace) Leave(string) {}

// DeliverMessage implements pubsub.RawTracer.
func (*trace) DeliverMessage(*pubsub.Message) {}

// DuplicateMessage implements pubsub.RawTracer.
func (*trace) DuplicateMessage(*pubsub.Message) {}

// ThrottlePeer implements pubsub.RawTracer.
func (*trace) ThrottlePeer(peer.ID) {}
