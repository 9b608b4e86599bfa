// Package answers holds what the queries and exports of every module share: how
// much of a list one answer may hold, and which gRPC code says what was wrong.
package answers

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/query"
)

// MaxPage caps every list, whatever is asked for.
const MaxPage = 200

// Page caps a page request and refuses what would be unbounded work.
func Page(asked *query.PageRequest) (*query.PageRequest, error) {
	var page query.PageRequest
	if asked != nil {
		page = *asked
	}
	if page.Offset > MaxPage || page.CountTotal {
		return nil, status.Errorf(codes.InvalidArgument, "page on with key: an offset is at most %d, and totals are not counted", MaxPage)
	}
	if page.Limit == 0 {
		page.Limit = query.DefaultLimit
	}
	page.Limit = min(page.Limit, MaxPage)
	return &page, nil
}

// Address parses an address of a request. Name is what the person calls it.
func Address(name, bech32 string) (sdk.AccAddress, error) {
	addr, err := sdk.AccAddressFromBech32(bech32)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "%s %.80q: %s", name, bech32, err)
	}
	return addr, nil
}

// Error gives an error the gRPC code that clients act on: not found for a record
// that is not there and for the sentinels missing, invalid argument for the
// sentinels invalid. Any other stays what it is.
func Error(err error, missing, invalid []error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, collections.ErrNotFound) || errorsmod.IsOf(err, missing...):
		return status.Error(codes.NotFound, err.Error())
	case errorsmod.IsOf(err, invalid...):
		return status.Error(codes.InvalidArgument, err.Error())
	}
	return err
}

// All lists every value of a map in the order of its keys, for an export. No
// query and no block may: it is unbounded work.
func All[K, V any](ctx context.Context, m collections.Map[K, V]) ([]V, error) {
	iter, err := m.Iterate(ctx, nil)
	if err != nil {
		return nil, err
	}
	return iter.Values()
}
