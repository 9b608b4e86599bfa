package mesh

import (
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/peer"
)

const (
	// seen is how long a message's id is kept. It need not be long: a replay is told by its sequence.
	seen = 30 * time.Second
	// waiting bounds the messages that wait for their signature to be verified, and those that wait to go out to a peer: a
	// thousand nodes that speak in the same moment are not to push each other out.
	waiting = 1024
	// outgoing bounds those that wait to go out to one peer.
	outgoing = 256
	// faults of a peer, within the time in which they are forgiven, above which nothing that it sends is looked at.
	faults   = 10
	forgiven = time.Minute
	// remembered is for how long a peer's faults are kept when it goes: coming back is no way to a clean record.
	remembered = 10 * time.Minute
)

// listening are the options of an end that hears others: peers are judged by what they say themselves that breaks the
// form or the rate. Above the bound their messages are dropped before a signature is verified, and they are pruned.
func listening(topic string) []pubsub.Option {
	decay := pubsub.ScoreParameterDecay(forgiven)
	return []pubsub.Option{
		pubsub.WithSeenMessagesTTL(seen), pubsub.WithValidateQueueSize(waiting), pubsub.WithPeerOutboundQueueSize(outgoing),
		pubsub.WithPeerScore(&pubsub.PeerScoreParams{
			SkipAtomicValidation: true,
			AppSpecificScore:     func(peer.ID) float64 { return 0 },
			DecayInterval:        time.Second, DecayToZero: 0.01, RetainScore: remembered, SeenMsgTTL: seen,
			// No weight on promises of messages that do not come: a router that has too much to do breaks them, and a region whose
			// routers stopped looking at each other for that might fall apart when it is busiest. They cost as much to make as to ask for.
			BehaviourPenaltyWeight: 0,
			Topics: map[string]*pubsub.TopicScoreParams{topic: {
				SkipAtomicValidation: true, TopicWeight: 1, TimeInMeshQuantum: time.Second, // which the library divides by
				InvalidMessageDeliveriesWeight: -1, InvalidMessageDeliveriesDecay: decay, // by the square of their number
			}},
		}, &pubsub.PeerScoreThresholds{GossipThreshold: -faults, PublishThreshold: -2 * faults, GraylistThreshold: -faults * faults}),
	}
}
