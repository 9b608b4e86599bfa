package session

import (
	"context"
	"sync"
	"time"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session/internal/bin"
	"github.com/edgematrix/emc/pkg/session/ledger"
)

// SequencerConfig is a router that co-signs.
type SequencerConfig struct {
	ChainID string
	Key     receipt.Signer
	Public  receipt.PublicKey // of Key
	Chain   Chain
	Store   ledger.Store
	Now     func() time.Time
	Margin  time.Duration // before a session's end, within which nothing is co-signed
}

// Sequencer co-signs vouchers so that the sum over nodes never exceeds the router's allotment: beyond it his own stake
// pays. It is a Cosigner, and safe for concurrent use.
type Sequencer struct {
	cfg SequencerConfig

	mu       sync.Mutex
	sessions map[receipt.SessionID]*book
}

// book is what was co-signed in one session.
type book struct {
	mu     sync.Mutex
	loaded bool
	sealed bool // it was seen closing, or was forgotten
	broken error
	lanes  map[receipt.Address]receipt.Voucher // node → the last voucher, with the session key's signature
}

const (
	kindCosigned = "router/voucher/"
	kindSealed   = "router/sealed/"
)

// NewSequencer opens a router's ledger. Two processes never share one, and it is never restored from an older copy.
func NewSequencer(cfg SequencerConfig) (*Sequencer, error) {
	if cfg.ChainID == "" || cfg.Key == nil || cfg.Public.Bytes() == nil || cfg.Chain == nil || cfg.Now == nil || cfg.Margin < 0 {
		return nil, wrap(ErrConfig, "a router needs a chain, a key and a clock")
	}
	if err := claim(cfg.Store, "router", cfg.ChainID, cfg.Public.Bytes()); err != nil {
		return nil, err
	}
	return &Sequencer{cfg: cfg, sessions: make(map[receipt.SessionID]*book)}, nil
}

// Cosign implements Cosigner. The same voucher again gets the same signature.
func (s *Sequencer) Cosign(ctx context.Context, v receipt.Voucher) (receipt.Signature, error) {
	if v.Router != s.cfg.Public.Address() {
		return receipt.Signature{}, wrap(ErrLane, "a voucher for router %s; this is %s", v.Router, s.cfg.Public.Address())
	}
	info, err := s.cfg.Chain.Session(ctx, v.Session)
	if err != nil {
		return receipt.Signature{}, err
	}
	if err := info.allows(v.Node); err != nil {
		return receipt.Signature{}, err
	}
	if v.KeyID != info.KeyID {
		return receipt.Signature{}, wrap(ErrKey, "the session's key is number %d, got %d", info.KeyID, v.KeyID)
	}
	v.RouterSignature = receipt.Signature{}
	if err := v.VerifyKey(s.cfg.ChainID, info.Key); err != nil {
		return receipt.Signature{}, err
	}
	b := s.book(v.Session)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := s.enter(b, info, v); err != nil {
		return receipt.Signature{}, err
	}
	signed, err := v.Cosign(s.cfg.ChainID, s.cfg.Key)
	return signed.RouterSignature, err
}

func (s *Sequencer) book(id receipt.SessionID) *book {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.sessions[id]
	if b == nil {
		b = new(book)
		s.sessions[id] = b
	}
	return b
}

// enter writes a voucher into the book, or says why it is not signed.
func (s *Sequencer) enter(b *book, info Info, v receipt.Voucher) error {
	if err := s.load(b, v.Session); err != nil {
		return err
	}
	if !info.Open {
		if err := s.seal(b, v.Session); err != nil {
			return err
		}
	}
	if b.sealed {
		return wrap(ErrSealed, "session %s: nothing is co-signed any more", v.Session)
	}
	if err := info.usable(s.cfg.Now(), s.cfg.Margin); err != nil {
		return err
	}
	was := b.lanes[v.Node]
	switch {
	case v == was:
		return nil // it is written; only the signature got lost
	case v.Amount < was.Amount || v.Count < was.Count:
		return wrap(ErrStale, "%d uemc over %d receipts; co-signed: %d over %d", v.Amount, v.Count, was.Amount, was.Count)
	case v.Count == was.Count && was.KeyID != 0 && v.Root != was.Root:
		return wrap(ErrConflict, "another tree of %d receipts was co-signed", v.Count)
	}
	if err := b.allow(info, v); err != nil {
		return err
	}
	data, err := v.MarshalBinary()
	if err != nil {
		return err
	}
	if err := s.write(b, ledger.Op{Key: cosignedKey(v.Session, v.Node), Value: data}); err != nil {
		return err
	}
	b.lanes[v.Node] = v
	return nil
}

// allow adds up all lanes.
func (b *book) allow(info Info, v receipt.Voucher) error {
	router, bound := info.Router(v.Router)
	if !bound {
		return wrap(ErrLane, "session %s did not bind this router", v.Session)
	}
	left := router.Allotment
	for node, last := range b.lanes {
		if node != v.Node {
			left -= min(left, last.Amount)
		}
	}
	if v.Amount > left {
		return wrap(ErrAllotment, "%d uemc for node %s, %d of %d are left for it; top up the session's allotment", v.Amount, v.Node, left, router.Allotment)
	}
	return nil
}

func (s *Sequencer) write(b *book, op ledger.Op) error {
	if err := s.cfg.Store.Batch(op); err != nil {
		b.broken = ledgerError(err)
		return b.broken
	}
	return nil
}

func (s *Sequencer) load(b *book, id receipt.SessionID) error {
	if b.loaded || b.broken != nil {
		return b.broken
	}
	lanes := make(map[receipt.Address]receipt.Voucher)
	sealed, err := s.cfg.Store.Get(markKey(kindSealed, id))
	if err != nil {
		return ledgerError(err)
	}
	err = s.cfg.Store.Iterate(append([]byte(kindCosigned), id[:]...), func(_, value []byte) error {
		v, err := receipt.UnmarshalVoucher(value)
		lanes[v.Node] = v
		return err
	})
	if err != nil {
		return ledgerError(err)
	}
	b.lanes, b.sealed, b.loaded = lanes, sealed != nil, true
	return nil
}

// seal makes it durable that nothing more is co-signed.
func (s *Sequencer) seal(b *book, id receipt.SessionID) error {
	if b.sealed {
		return nil
	}
	if b.broken = mark(s.cfg.Store, kindSealed, id); b.broken != nil {
		return b.broken
	}
	b.sealed = true
	return nil
}

// Forget drops what was co-signed in a session when the chain has settled it, and fails with ErrNeeded before that. The
// seal stays: nothing is co-signed in it again, whatever an endpoint that lags behind shows. When it was killed or failed in
// the middle, it goes on when it is called again.
func (s *Sequencer) Forget(ctx context.Context, id receipt.SessionID) error {
	if err := settled(ctx, s.cfg.Chain, id); err != nil {
		return err
	}
	b := s.book(id)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := s.load(b, id); err != nil {
		return err
	}
	if err := s.seal(b, id); err != nil {
		return err
	}
	b.lanes = nil
	if err := drop(s.cfg.Store, id, kindCosigned); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, id) // who still holds the book finds it sealed
	return nil
}

// Cosigned is the sum over a session's nodes, uemc.
func (s *Sequencer) Cosigned(id receipt.SessionID) (uint64, error) {
	b := s.book(id)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := s.load(b, id); err != nil {
		return 0, err
	}
	sum := uint64(0)
	for _, v := range b.lanes {
		sum += v.Amount
	}
	return sum, nil
}

func cosignedKey(id receipt.SessionID, node receipt.Address) []byte {
	return new(bin.Writer).Raw([]byte(kindCosigned)).Raw(id[:]).Raw(node[:]).B
}
