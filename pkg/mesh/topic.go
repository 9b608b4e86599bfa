package mesh

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	pubsub "github.com/libp2p/go-libp2p-pubsub"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/transfer"
)

// A node says something when it changes, and at least every Interval; it is heard
// so often a second and no more.
const (
	Interval  = 5 * time.Second
	Stale     = 4 * Interval // what was said before that counts for nothing
	mostASec  = 4
	mostBurst = 8
	// known bounds how many nodes are kept in mind: those that were silent for Stale go first.
	known = 200_000
)

// Config is one end of the topic.
type Config struct {
	Host    host.Host
	ChainID string
	// Admit tells whether a node is registered; it must not wait. Nil admits nobody: the end only speaks.
	Admit func(node receipt.Address) bool
	// Heard gets what nodes say, in the order in which it came. Nil: the end only speaks.
	Heard  func(Status)
	Logger *slog.Logger
	// Tracer sees all of the gossip's traffic. It may be nil.
	Tracer pubsub.RawTracer
}

// Topic is one end of a chain's topic.
type Topic struct {
	cfg       Config
	topic     *pubsub.Topic
	sub       *pubsub.Subscription
	strangers *strangers

	mu    sync.Mutex
	nodes map[receipt.Address]*speaker
}

// speaker is what is kept of a node that was heard.
type speaker struct {
	limit    *rate.Limiter
	sequence uint64
	at       time.Time
}

// TopicName is of a chain's topic.
func TopicName(chainID string) string { return "/emc/status/1/" + chainID }

// Join joins the topic. Run makes it listen.
func Join(ctx context.Context, cfg Config) (*Topic, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	options := []pubsub.Option{
		pubsub.WithMessageSignaturePolicy(pubsub.StrictSign), pubsub.WithMaxMessageSize(4 * MaxStatus), pubsub.WithFloodPublish(true),
		pubsub.WithLogger(slog.New(slog.DiscardHandler)), pubsub.WithRPCLogger(slog.New(slog.DiscardHandler)),
	}
	if cfg.Heard != nil {
		options = append(options, listening(TopicName(cfg.ChainID))...)
	}
	if cfg.Tracer != nil {
		options = append(options, pubsub.WithRawTracer(cfg.Tracer))
	}
	strangers := newStrangers()
	options = append(options, pubsub.WithRawTracer(strangers), pubsub.WithAppSpecificRpcInspector(strangers.inspect))
	gossip, err := pubsub.NewGossipSub(ctx, cfg.Host, options...)
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	t := &Topic{cfg: cfg, strangers: strangers, nodes: map[receipt.Address]*speaker{}}
	if cfg.Heard != nil {
		if err := gossip.RegisterTopicValidator(TopicName(cfg.ChainID), t.validate, pubsub.WithValidatorInline(true)); err != nil {
			return nil, fmt.Errorf("gossip: %w", err)
		}
	}
	if t.topic, err = gossip.Join(TopicName(cfg.ChainID)); err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	if cfg.Heard != nil {
		if t.sub, err = t.topic.Subscribe(pubsub.WithBufferSize(1024)); err != nil {
			return nil, fmt.Errorf("gossip: %w", err)
		}
	}
	return t, nil
}

// Say tells all routers that are reached.
func (t *Topic) Say(ctx context.Context, s Status) error {
	b, err := s.Marshal()
	if err != nil {
		return err
	}
	return t.topic.Publish(ctx, b)
}

// Routers is how many others are on the topic.
func (t *Topic) Routers() int { return len(t.topic.ListPeers()) }

// Listens tells whether a peer is on the topic.
func (t *Topic) Listens(id peer.ID) bool { return slices.Contains(t.topic.ListPeers(), id) }

// Run hands on what is heard until ctx ends.
func (t *Topic) Run(ctx context.Context) error {
	if t.sub == nil {
		<-ctx.Done()
		return nil
	}
	defer t.sub.Cancel()
	for {
		m, err := t.sub.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("gossip: %w", err)
		}
		if s, ok := m.ValidatorData.(Status); ok {
			t.cfg.Heard(s)
		}
	}
}

// validate lets through, here and to others, what a registered node said for the
// first time. What a stranger or a chatterbox says, and what breaks the form, goes no
// further, and counts against him where he says it himself. Not against who passed it
// on: that one may have counted or known better, or is newer than we are.
func (t *Topic) validate(_ context.Context, from peer.ID, m *pubsub.Message) pubsub.ValidationResult {
	bad := pubsub.ValidationIgnore
	if from == m.GetFrom() {
		bad = pubsub.ValidationReject
	}
	node, err := address(m.GetFrom())
	if err != nil {
		return bad
	}
	if t.cfg.Admit == nil || !t.cfg.Admit(node) {
		// One who is not known yet speaks for the first time; a stranger who goes on and on costs a signature each time. Only
		// those who are connected are counted: keys cost nothing.
		if bad == pubsub.ValidationReject && !t.may(node) {
			return bad
		}
		return pubsub.ValidationIgnore
	}
	if !t.may(node) {
		return bad
	}
	s, err := Unmarshal(m.GetData())
	if err != nil {
		t.cfg.Logger.Debug("a node's status cannot be read", "node", node, "error", err)
		return bad
	}
	if !t.newer(node, s.Sequence) {
		return pubsub.ValidationIgnore
	}
	s.Node = node
	m.ValidatorData = s
	return pubsub.ValidationAccept
}

// may counts a message against its node's rate.
func (t *Topic) may(node receipt.Address) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	sp := t.nodes[node]
	if sp == nil {
		if len(t.nodes) >= known && !t.forget() {
			return false
		}
		sp = &speaker{limit: rate.NewLimiter(mostASec, mostBurst)}
		t.nodes[node] = sp
	}
	sp.at = time.Now()
	return sp.limit.Allow()
}

// newer tells whether a sequence is above all of the node's that were heard.
func (t *Topic) newer(node receipt.Address, sequence uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	sp := t.nodes[node]
	if sp == nil || sequence <= sp.sequence {
		return false
	}
	sp.sequence = sequence
	return true
}

// forget drops nodes that were silent for long. Their sequence is forgotten with
// them: gossip itself keeps no message for as long.
func (t *Topic) forget() bool {
	before := len(t.nodes)
	for node, sp := range t.nodes {
		if time.Since(sp.at) > 10*Stale {
			delete(t.nodes, node)
		}
	}
	return len(t.nodes) < before
}

// Address is a peer's on the chain: his key is his identity.
func Address(id peer.ID) (receipt.Address, error) { return address(id) }

func address(id peer.ID) (receipt.Address, error) {
	pub, err := transfer.PubKey33(id)
	if err != nil {
		return receipt.Address{}, err
	}
	key, err := receipt.ParsePublicKey(pub[:])
	if err != nil {
		return receipt.Address{}, errors.Join(ErrStatus, err)
	}
	return key.Address(), nil
}
