// Package relay lets those who cannot reach a node directly reach it through a router, by libp2p's circuits (version 2).
// A circuit leads to a registered node that keeps a connection with the router, and to nothing else, and comes from whoever
// has business with a node: the customer of a job that is on it, or of a session that is open, or a validator's prober. What
// goes through it is encrypted between the two ends.
package relay

import (
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/transfer"
)

// libp2p's relays carry 128 KiB for two minutes, to introduce peers to each other. These carry jobs' inputs and outputs, and
// calls that run as long as their session: what bounds them is that nobody has a circuit without a stake or a payment.
const (
	// Circuits are those of all peers together.
	Circuits = 256
	// CircuitsOfPeer are those from or to one peer.
	CircuitsOfPeer = 64
	// lasts and carries are of one circuit; the latter in each direction.
	lasts, carries = 24 * time.Hour, 64 << 30
	// reservations are nodes' places; those of one address may be a farm behind a NAT.
	reservations, reservationsOfAddress = 256, 64
	reservedFor                         = time.Hour
	buffer                              = 16 << 10
)

// Limits are what tests change.
type Limits struct {
	Circuits, Reservations int // of one peer; of all
	Lasts                  time.Duration
	Carries                int64
	Asks                   float64 // questions to the chain a second
}

// DefaultLimits are what docs/router.md promises.
func DefaultLimits() Limits {
	return Limits{Circuits: CircuitsOfPeer, Reservations: reservations, Lasts: lasts, Carries: carries, Asks: 20}
}

// Config is of a Relay.
type Config struct {
	Host    host.Host
	ChainID string
	Chain   Chain
	// Node tells whether an address is a registered node's, Customer whether it has a session with this router.
	Node, Customer func(receipt.Address) bool
	// Introduced is told who showed that he has business with a node. It is false when there is no room for him.
	Introduced func(peer.ID) bool
	Limits     Limits
	Metrics    prometheus.Registerer // may be nil
	Now        func() time.Time
}

// Relay is one that serves until it is closed.
type Relay struct {
	cfg     Config
	guests  *guests
	service *relay.Relay
}

// New begins to serve. HandleIntroductions of pkg/transfer brings guests to Judge.
func New(cfg Config) (*Relay, error) {
	r := &Relay{cfg: cfg, guests: newGuests(cfg)}
	l := cfg.Limits
	options := []relay.Option{
		relay.WithACL(r),
		relay.WithResources(relay.Resources{
			Limit:          &relay.RelayLimit{Duration: l.Lasts, Data: l.Carries},
			ReservationTTL: reservedFor, MaxReservations: l.Reservations, MaxCircuits: l.Circuits, BufferSize: buffer,
			MaxReservationsPerIP: min(reservationsOfAddress, l.Reservations), MaxReservationsPerASN: l.Reservations,
		}),
	}
	if cfg.Metrics != nil {
		options = append(options, relay.WithMetricsTracer(relay.NewMetricsTracer(relay.WithRegisterer(cfg.Metrics))))
	}
	var err error
	r.service, err = relay.New(cfg.Host, options...)
	return r, err
}

// Close ends all circuits.
func (r *Relay) Close() error { return r.service.Close() }

// AllowReserve implements relay.ACLFilter: a place is for a registered node.
func (r *Relay) AllowReserve(p peer.ID, _ ma.Multiaddr) bool {
	a, err := address(p)
	return err == nil && r.cfg.Node(a)
}

// AllowConnect implements relay.ACLFilter. The relay itself refuses whoever has no place.
func (r *Relay) AllowConnect(from peer.ID, _ ma.Multiaddr, to peer.ID) bool {
	node, err := address(to)
	if err != nil || !r.cfg.Node(node) {
		return false
	}
	a, err := address(from)
	return err == nil && (r.cfg.Customer(a) || r.guests.may(a, node))
}

func address(p peer.ID) (receipt.Address, error) {
	pub, err := transfer.PubKey33(p)
	if err != nil {
		return receipt.Address{}, err
	}
	return addressOf(pub)
}

func addressOf(pub transfer.PubKey) (receipt.Address, error) {
	key, err := receipt.ParsePublicKey(pub[:])
	if err != nil {
		return receipt.Address{}, err
	}
	return key.Address(), nil
}
