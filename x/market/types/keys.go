package types

import (
	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/address"

	"github.com/edgematrix/emc/pkg/receipt"
)

const (
	// ModuleName names the module and its store. It has no account: every deal has an address of its own.
	ModuleName = "market"
	// StoreKey of the module's store.
	StoreKey = ModuleName
)

// Store prefixes. One byte each; never reused.
var (
	ParamsKey           = collections.NewPrefix(0)
	SessionsKey         = collections.NewPrefix(1)
	SessionSequencesKey = collections.NewPrefix(2)
	SessionsByRouterKey = collections.NewPrefix(3)
	LanesKey            = collections.NewPrefix(4)
	CoversKey           = collections.NewPrefix(5)
	CoversByNodeKey     = collections.NewPrefix(6)
	EvidenceKey         = collections.NewPrefix(7)
	SessionJobsKey      = collections.NewPrefix(8)
	AgendaKey           = collections.NewPrefix(9)
)

// SessionID derives a session's id from its owner, so that no global counter
// exists that every opening would have to write.
func SessionID(owner sdk.AccAddress, sequence uint64) string {
	return receipt.NewSessionID(owner, sequence).String()
}

// ValidateSessionID checks the form of a session's id.
func ValidateSessionID(id string) error {
	if _, err := receipt.ParseSessionID(id); err != nil {
		return errorsmod.Wrap(ErrInvalidSession, err.Error())
	}
	return nil
}

// SessionEscrow is the address that holds a session's money. Nobody has a key to it.
func SessionEscrow(session string) sdk.AccAddress {
	return address.Module(ModuleName, []byte("session"), []byte(session))
}

// CoverPromise names a cover in x/compute's ledger of promises.
func CoverPromise(node string) string { return "cover/" + node }
