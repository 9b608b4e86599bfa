// Package escrow lets modules hold money at derived addresses without a record
// in x/auth.
//
// Each deal's money stands at an address of its own that nobody has a key to.
// The bank would create an account for it at the first transfer, and with it
// take the next account number: a global counter that every such transaction
// then writes, so that no two could run in parallel, and a record for each
// deal that ever was. An address without a key needs neither.
package escrow

import (
	"context"

	sdk "github.com/cosmos/cosmos-sdk/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
)

type recipientKey struct{}

// To marks a context for one transfer to a derived address. Only a transfer so
// marked goes without an account: a stranger's gift, or a payment to a person,
// creates one as ever.
func To(ctx context.Context, derived sdk.AccAddress) context.Context {
	return sdk.UnwrapSDKContext(ctx).WithValue(recipientKey{}, derived.String())
}

// Accounts is the account keeper as the bank sees it: it tells the bank that a
// derived address of a marked transfer needs no account.
type Accounts struct{ banktypes.AccountKeeper }

// HasAccount implements the bank's expected keeper.
func (a Accounts) HasAccount(ctx context.Context, addr sdk.AccAddress) bool {
	if derived, ok := sdk.UnwrapSDKContext(ctx).Value(recipientKey{}).(string); ok && derived == addr.String() {
		return true
	}
	return a.AccountKeeper.HasAccount(ctx, addr)
}
