package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/cosmos/cosmos-sdk/types/query"

	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/session"
	"github.com/edgematrix/emc/pkg/transfer"
	"github.com/edgematrix/emc/router/registry"
	"github.com/edgematrix/emc/router/relay"
	markettypes "github.com/edgematrix/emc/x/market/types"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

func (d *Daemon) openRelay() (err error) {
	if !d.opts.Config.Network.Relay {
		return nil
	}
	d.relay, err = relay.New(relay.Config{
		Host: d.host, ChainID: d.opts.Config.Chain.ID, Chain: business{d}, Node: d.registry.Known, Introduced: d.admission.Introduced,
		// Another router calls a node through this one where that is faster.
		Customer: func(a receipt.Address) bool { return d.own.Has(a) || d.registry.KnownRouter(a) },
		Limits:   relay.DefaultLimits(), Metrics: d.metrics, Now: time.Now,
	})
	return err
}

// serveRelay lets those introduce themselves whom the router does not know.
func (d *Daemon) serveRelay(ctx context.Context) {
	if d.relay != nil {
		transfer.HandleIntroductions(ctx, d.host, d.relay.Judge)
	}
}

// business is what the chain says of who has business with nodes.
type business struct{ *Daemon }

var _ relay.Chain = business{}

// Job implements relay.Chain.
func (b business) Job(ctx context.Context, id string) (node receipt.Address, key transfer.PubKey, err error) {
	j, err := b.opts.Chain.Job(ctx, id)
	if err != nil {
		return node, key, err
	}
	if node, err = receipt.ParseAddress(j.Node); err != nil {
		return node, key, err
	}
	key, err = transfer.PubKeyFromBytes(j.AccessKey)
	return node, key, err
}

// Session implements relay.Chain.
func (b business) Session(ctx context.Context, id string) (receipt.Address, error) {
	sid, err := receipt.ParseSessionID(id)
	if err != nil {
		return receipt.Address{}, err
	}
	r, err := bound(b).market().Session(ctx, &markettypes.QuerySessionRequest{Session: sid.String()})
	if err != nil {
		return receipt.Address{}, err
	}
	if r.Session.Status == markettypes.SESSION_STATUS_SETTLED {
		return receipt.Address{}, session.ErrSession
	}
	key, err := receipt.ParsePublicKey(r.Session.Key)
	if err != nil {
		return receipt.Address{}, err
	}
	return key.Address(), nil
}

// Prober implements relay.Chain. A validator is a member of an epoch if he was bonded, and had a prober, when it began.
func (b business) Prober(ctx context.Context, validator string) (receipt.Address, error) {
	r, err := poctypes.NewQueryClient(b.opts.Chain.Conn()).Probes(ctx, &poctypes.QueryProbesRequest{Validator: validator, Pagination: &query.PageRequest{Limit: 1}})
	if err != nil {
		return receipt.Address{}, err
	}
	if !r.Member {
		return receipt.Address{}, errors.New("no member of this epoch")
	}
	return receipt.ParseAddress(r.Prober)
}

// registered are the nodes and the routers of the chain.
type registered struct{ *registry.Registry }

// Known implements admission.Nodes.
func (r registered) Known(a receipt.Address) bool {
	return r.Registry.Known(a) || r.KnownRouter(a)
}

// Admit implements admission.Nodes.
func (r registered) Admit(a receipt.Address) bool { return r.Registry.Admit(a) || r.KnownRouter(a) }
