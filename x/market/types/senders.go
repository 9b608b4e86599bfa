package types

import sdk "github.com/cosmos/cosmos-sdk/types"

// WorkerMessages are the messages of this module that a node's hot key sends: the
// fee grant of its operator is limited to them and those of other modules.
func WorkerMessages() []string { return []string{sdk.MsgTypeURL(&MsgRedeemVouchers{})} }

// RouterMessages are those that a router's hot key sends: a router that lost its
// ledger closes the sessions that it is bound to.
func RouterMessages() []string { return []string{sdk.MsgTypeURL(&MsgCloseSession{})} }
