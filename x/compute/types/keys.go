package types

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"

	"cosmossdk.io/collections"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/address"
)

const (
	// ModuleName names the module, its store and its stake account.
	ModuleName = "compute"
	// StoreKey of the module's store.
	StoreKey = ModuleName
)

// Store prefixes. One byte each; never reused.
var (
	ParamsKey          = collections.NewPrefix(0)
	NodesKey           = collections.NewPrefix(1)
	NodesByOperatorKey = collections.NewPrefix(2)
	IndexHeadsKey      = collections.NewPrefix(3)
	PriceIndexKey      = collections.NewPrefix(4)
	AgendaKey          = collections.NewPrefix(5)
	ReservationsKey    = collections.NewPrefix(6)
	UnbondingsKey      = collections.NewPrefix(7)
	SlashesKey         = collections.NewPrefix(9)
	AppsKey            = collections.NewPrefix(10)
	JobSequencesKey    = collections.NewPrefix(11)
	JobsKey            = collections.NewPrefix(12)
	ClockKey           = collections.NewPrefix(13)
)

// JobIDBytes is the length of a job id before hex encoding.
const JobIDBytes = 16

// JobID derives a job's id from its creator, so that no global counter exists
// that every submission would have to write.
func JobID(customer sdk.AccAddress, sequence uint64) string {
	h := sha256.New()
	h.Write([]byte("emc/compute/job/1"))
	h.Write(address.MustLengthPrefix(customer))
	var seq [8]byte
	binary.BigEndian.PutUint64(seq[:], sequence)
	h.Write(seq[:])
	return hex.EncodeToString(h.Sum(nil)[:JobIDBytes])
}

// JobEscrow is the address that holds a job's money. Nobody has a key to it.
func JobEscrow(jobID string) sdk.AccAddress {
	return address.Module(ModuleName, []byte("job"), []byte(jobID))
}

// NodeDeposit is the address that holds a node's registration deposit.
func NodeDeposit(node sdk.AccAddress) sdk.AccAddress {
	return address.Module(ModuleName, []byte("deposit"), node)
}

// JobPromise names a job's reservation in the ledger of promises.
func JobPromise(jobID string) string { return "job/" + jobID }

// AppIndexKey and RuntimeIndexKey are the first part of a price index key.
func AppIndexKey(app string) string { return "app/" + app }

// RuntimeIndexKey lists the nodes that serve every app of a runtime.
func RuntimeIndexKey(runtime string) string { return "runtime/" + runtime }
