package keeper

import (
	"context"
	"errors"
	"fmt"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/edgematrix/emc/x/market/types"
)

func isolated(ctx context.Context, run func(context.Context) error) (err error) {
	cached, write := sdk.UnwrapSDKContext(ctx).CacheContext()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	if err := run(cached); err != nil {
		return err
	}
	write()
	return nil
}

// MaxPage caps every list.
const MaxPage = 200

// queryError gives an error the gRPC code that clients act on.
func queryError(err error) error {
	switch {
	case err == nil:
		return nil
	case errorsmod.IsOf(err, types.ErrSessionNotFound, types.ErrCoverNotFound) || errors.Is(err, collections.ErrNotFound):
		return status.Error(codes.NotFound, err.Error())
	case errorsmod.IsOf(err, types.ErrInvalidSession, types.ErrInvalidRouter, types.ErrInvalidAmount):
		return status.Error(codes.InvalidArgument, err.Error())
	}
	return err
}

// page caps a page request and refuses what would be unbounded work.
func page(p *query.PageRequest) (*query.PageRequest, error) {
	if p == nil {
		return &query.PageRequest{Limit: query.DefaultLimit}, nil
	}
	if p.Offset > MaxPage || p.CountTotal {
		return nil, status.Errorf(codes.InvalidArgument, "page on with key: an offset is at most %d, and totals are not counted", MaxPage)
	}
	capped := *p
	if capped.Limit == 0 {
		capped.Limit = query.DefaultLimit
	}
	capped.Limit = min(capped.Limit, MaxPage)
	return &capped, nil
}

func addressArgument(name, bech32 string) (sdk.AccAddress, error) {
	addr, err := sdk.AccAddressFromBech32(bech32)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "%s: %s", name, err)
	}
	return addr, nil
}

func values[K, V any](ctx context.Context, m collections.Map[K, V]) ([]V, error) {
	iter, err := m.Iterate(ctx, nil)
	if err != nil {
		return nil, err
	}
	return iter.Values()
}
