package types

import (
	"crypto/sha256"
	"regexp"

	errorsmod "cosmossdk.io/errors"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"
)

// Bounds on what a node may store: its deposit pays for this much.
const (
	MaxSlots         = 1_024
	MaxEndpoints     = 8
	MaxEndpointBytes = 256
	MaxServed        = 32
	MaxGpus          = 64
	MaxWordsBytes    = 128
	MaxIsolation     = 4
)

var (
	regionPattern     = regexp.MustCompile(`^[A-Z]{2}(-[A-Z0-9]{1,3})?$`)
	digestPattern     = regexp.MustCompile(`^[0-9a-f]{64}$`)
	capabilityPattern = regexp.MustCompile(`^[0-9]{1,2}\.[0-9]{1,2}$`)
	endpointPattern   = regexp.MustCompile(`^(/[a-zA-Z0-9._:-]+)+$`)
)

// RegistrationBytes are the bytes that a node's key signs to agree to its
// operator. The chain id stops a replay on another network, the operator a
// replay by somebody else.
func RegistrationBytes(chainID string, operator sdk.AccAddress) []byte {
	id := sha256.Sum256([]byte(chainID))
	out := append([]byte("emc/compute/register/1"), id[:]...)
	return append(out, operator...)
}

// VerifyRegistration checks a node key and its signature, and returns the
// node's address.
func VerifyRegistration(chainID string, operator sdk.AccAddress, pubkey, signature []byte) (sdk.AccAddress, error) {
	if err := ValidateCompressedKey(pubkey); err != nil {
		return nil, err
	}
	key := secp256k1.PubKey{Key: pubkey}
	if !key.VerifySignature(RegistrationBytes(chainID, operator), signature) {
		return nil, errorsmod.Wrapf(ErrInvalidKey, "the node key did not sign for operator %s on chain %s; run `emc-worker register` on the machine that holds the node key", operator, chainID)
	}
	return sdk.AccAddress(key.Address()), nil
}

// ValidateCompressedKey checks the form of a compressed secp256k1 key.
func ValidateCompressedKey(key []byte) error {
	if len(key) != secp256k1.PubKeySize || (key[0] != 2 && key[0] != 3) {
		return errorsmod.Wrapf(ErrInvalidKey, "expected a compressed secp256k1 key of %d bytes, got %d bytes", secp256k1.PubKeySize, len(key))
	}
	return nil
}

// Validate checks an offer by itself, for a node of that role.
func (o Offer) Validate(role Role) error {
	if err := validateAmount("slot_hour_price", o.SlotHourPrice, true); err != nil {
		return err
	}
	if o.Region != "" && !regionPattern.MatchString(o.Region) {
		return errorsmod.Wrapf(ErrInvalidNode, "region must be an ISO 3166 code such as DE or US-CA, got %q", o.Region)
	}
	if err := o.Hardware.Validate(); err != nil {
		return err
	}
	switch role {
	case ROLE_COMPUTING:
		return o.validateSlots()
	case ROLE_ROUTER:
		return o.validateNoSlots()
	default:
		return errorsmod.Wrap(ErrInvalidNode, "role must be computing or router")
	}
}

// validateNoSlots checks that a router sells nothing here: a price or an app
// that no job can ever get would only mislead who reads the list of nodes.
func (o Offer) validateNoSlots() error {
	switch {
	case o.Slots != 0:
		return errorsmod.Wrapf(ErrInvalidNode, "a router runs no jobs: its slots must be 0, got %d", o.Slots)
	case len(o.Apps)+len(o.Runtimes) > 0:
		return errorsmod.Wrapf(ErrInvalidNode, "a router runs no jobs: it may name no apps and no runtimes, got %d", len(o.Apps)+len(o.Runtimes))
	case !o.SlotHourPrice.IsZero():
		return errorsmod.Wrapf(ErrInvalidNode, "a router has no slots to sell: its slot_hour_price must be 0%s, got %s", Denom, o.SlotHourPrice)
	case o.Isolation != 0 || o.Egress:
		return errorsmod.Wrap(ErrInvalidNode, "a router runs no jobs: it may state no isolation and no egress")
	}
	return nil
}

// validateSlots checks what a computing node sells.
func (o Offer) validateSlots() error {
	if o.Slots == 0 || o.Slots > MaxSlots {
		return errorsmod.Wrapf(ErrInvalidNode, "slots must be between 1 and %d, got %d", MaxSlots, o.Slots)
	}
	if o.Isolation > MaxIsolation {
		return errorsmod.Wrapf(ErrInvalidNode, "isolation must be at most %d, got %d", MaxIsolation, o.Isolation)
	}
	if len(o.Apps)+len(o.Runtimes) == 0 {
		return errorsmod.Wrap(ErrInvalidNode, "a node must serve at least one app or runtime")
	}
	if len(o.Apps)+len(o.Runtimes) > MaxServed {
		return errorsmod.Wrapf(ErrInvalidNode, "a node may name at most %d apps and runtimes, got %d", MaxServed, len(o.Apps)+len(o.Runtimes))
	}
	seen := map[string]bool{}
	for _, app := range o.Apps {
		if err := ValidateAppID(app); err != nil {
			return err
		}
		if seen[app] {
			return errorsmod.Wrapf(ErrInvalidNode, "app %q is named twice", app)
		}
		seen[app] = true
	}
	clear(seen)
	for _, r := range o.Runtimes {
		if err := ValidateRuntime(r); err != nil {
			return err
		}
		if seen[r] {
			return errorsmod.Wrapf(ErrInvalidNode, "runtime %q is named twice", r)
		}
		seen[r] = true
	}
	return nil
}

// Validate checks the form of a hardware description.
func (h Hardware) Validate() error {
	if len(h.CpuModel) > MaxWordsBytes {
		return errorsmod.Wrapf(ErrInvalidNode, "cpu_model is longer than %d bytes", MaxWordsBytes)
	}
	if len(h.Gpus) > MaxGpus {
		return errorsmod.Wrapf(ErrInvalidNode, "a node may have at most %d GPUs, got %d", MaxGpus, len(h.Gpus))
	}
	for i, g := range h.Gpus {
		switch {
		case g.Model == "" || len(g.Model) > MaxWordsBytes:
			return errorsmod.Wrapf(ErrInvalidNode, "GPU %d: model must have 1 to %d bytes", i, MaxWordsBytes)
		case !digestPattern.MatchString(g.UuidHash):
			return errorsmod.Wrapf(ErrInvalidNode, "GPU %d: uuid_hash must be 64 hex characters", i)
		case g.ComputeCapability != "" && !capabilityPattern.MatchString(g.ComputeCapability):
			return errorsmod.Wrapf(ErrInvalidNode, "GPU %d: compute_capability must look like 9.0, got %q", i, g.ComputeCapability)
		case len(g.Driver) > MaxWordsBytes:
			return errorsmod.Wrapf(ErrInvalidNode, "GPU %d: driver is longer than %d bytes", i, MaxWordsBytes)
		}
	}
	return nil
}

// ValidateEndpoints checks a node's multiaddresses by form alone: the chain
// never dials them.
func ValidateEndpoints(endpoints []string) error {
	if len(endpoints) > MaxEndpoints {
		return errorsmod.Wrapf(ErrInvalidNode, "at most %d endpoints, got %d", MaxEndpoints, len(endpoints))
	}
	for _, e := range endpoints {
		if len(e) > MaxEndpointBytes || !endpointPattern.MatchString(e) {
			return errorsmod.Wrapf(ErrInvalidNode, "endpoint must be a multiaddress such as /ip4/203.0.113.7/tcp/4600, got %.64q", e)
		}
	}
	return nil
}

// IndexKeys are the price index keys under which a node stands while it may
// be given work.
func (o Offer) IndexKeys() []string {
	keys := make([]string, 0, len(o.Apps)+len(o.Runtimes))
	for _, app := range o.Apps {
		keys = append(keys, AppIndexKey(app))
	}
	for _, r := range o.Runtimes {
		keys = append(keys, RuntimeIndexKey(r))
	}
	return keys
}

// Serves reports whether the offer covers an app, by name or by runtime.
func (o Offer) Serves(app App) bool {
	for _, id := range o.Apps {
		if id == app.Id {
			return true
		}
	}
	for _, r := range o.Runtimes {
		if r == app.Runtime {
			return true
		}
	}
	return false
}

// Binds reports whether the promise holds anything of its node.
func (r Reservation) Binds() bool { return r.Slots > 0 || r.Power > 0 || r.Stake.IsPositive() }

// FreeSlots is how many jobs the node can take now.
func (n Node) FreeSlots() uint32 {
	if n.ReservedSlots >= n.Offer.Slots {
		return 0 // the operator may have lowered the slots below what runs
	}
	return n.Offer.Slots - n.ReservedSlots
}

// SlotPower is what one slot has of the node's proven power, in micro-E: each
// slot has an equal share.
func (n Node) SlotPower() uint64 { return n.Power / uint64(max(n.Offer.Slots, 1)) }

// FreePower is what the node can still promise of its proven power, in
// micro-E. Power may fall below what is promised; then nothing is free.
func (n Node) FreePower() uint64 { return n.Power - min(n.Power, n.ReservedPower) }

// OnlineUntil is when the node's last report runs out, in Unix seconds.
func (n Node) OnlineUntil(p Params) int64 {
	if n.ReportedAt == 0 {
		return 0
	}
	return n.ReportedAt + int64(p.OnlineSeconds)
}
