package types

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"cosmossdk.io/collections"
	errorsmod "cosmossdk.io/errors"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/address"
)

const (
	// ModuleName names the module and its store. It has no account: every socket has an address of its own.
	ModuleName = "socket"
	// StoreKey of the module's store.
	StoreKey = ModuleName
)

// Store prefixes. One byte each; never reused.
var (
	ParamsKey           = collections.NewPrefix(0)
	SocketsKey          = collections.NewPrefix(1)
	SocketSequencesKey  = collections.NewPrefix(2)
	ListingsKey         = collections.NewPrefix(3)
	SocketsByNodeKey    = collections.NewPrefix(4)
	SocketsByHolderKey  = collections.NewPrefix(5)
	SocketsBySessionKey = collections.NewPrefix(6)
	AgendaKey           = collections.NewPrefix(7)
)

// idHex is the length of an id after its letter: ids of NFTs begin with one.
const idHex = 32

// SocketID derives a socket's id from its minter, so that no global counter
// exists that every minting would have to write.
func SocketID(minter sdk.AccAddress, sequence uint64) string {
	h := sha256.New()
	h.Write([]byte("emc/socket/1"))
	h.Write(address.MustLengthPrefix(minter))
	h.Write(binary.BigEndian.AppendUint64(nil, sequence))
	return "s" + hex.EncodeToString(h.Sum(nil))[:idHex]
}

// ValidateSocketID checks the form of a socket's id.
func ValidateSocketID(id string) error {
	digits, ok := strings.CutPrefix(id, "s")
	if _, err := hex.DecodeString(digits); !ok || err != nil || len(digits) != idHex || strings.ToLower(id) != id {
		return errorsmod.Wrapf(ErrInvalidSocket, "an id is \"s\" and %d hex characters, got %.80q", idHex, id)
	}
	return nil
}

// ClassID is the class of a minter's sockets in x/nft. x/nft counts the supply
// of a class: one class for all would be written by every minting. No slash: it
// stands in paths.
func ClassID(minter string) string { return "emc-socket-" + minter }

// SocketEscrow is the address that holds a socket's money, and the NFT while it
// is listed or plugged. Nobody has a key to it.
func SocketEscrow(id string) sdk.AccAddress {
	return address.Module(ModuleName, []byte("socket"), []byte(id))
}

// SocketPromise names a socket in x/compute's ledger of promises.
func SocketPromise(id string) string { return "socket/" + id }

// SocketOfPromise is the socket that a promise is for.
func SocketOfPromise(promise string) (id string, ours bool) {
	return strings.CutPrefix(promise, "socket/")
}
