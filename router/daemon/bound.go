package daemon

import (
	"context"

	"github.com/cosmos/cosmos-sdk/types/query"

	"github.com/edgematrix/emc/pkg/receipt"
	markettypes "github.com/edgematrix/emc/x/market/types"
)

// bound is what the chain says of the sessions that allot to this router, as admission asks it.
type bound struct{ *Daemon }

const boundPage = 100

// Bound implements admission.Sessions.
func (d bound) Bound(ctx context.Context, most int) (out []receipt.SessionID, err error) {
	page := &query.PageRequest{Limit: boundPage}
	for {
		r, err := d.market().Router(ctx, &markettypes.QueryRouterRequest{Router: d.address.String(), Pagination: page})
		if err != nil {
			return nil, err
		}
		for _, s := range r.Sessions {
			id, err := receipt.ParseSessionID(s.Session)
			if err == nil && s.Status != markettypes.SESSION_STATUS_SETTLED {
				out = append(out, id)
			}
		}
		if r.Pagination == nil || len(r.Pagination.NextKey) == 0 || len(out) >= most {
			return out, nil
		}
		page = &query.PageRequest{Key: r.Pagination.NextKey, Limit: boundPage}
	}
}

// Key implements admission.Sessions.
func (d bound) Key(ctx context.Context, id receipt.SessionID) (receipt.Address, error) {
	r, err := d.market().Session(ctx, &markettypes.QuerySessionRequest{Session: id.String()})
	if err != nil {
		return receipt.Address{}, err
	}
	key, err := receipt.ParsePublicKey(r.Session.Key)
	if err != nil {
		return receipt.Address{}, err
	}
	return key.Address(), nil
}

func (d bound) market() markettypes.QueryClient {
	return markettypes.NewQueryClient(d.opts.Chain.Conn())
}
