package types

import sdk "github.com/cosmos/cosmos-sdk/types"

// WorkerMessages are the messages of this module that a node's hot key sends: the
// fee grant of its operator is limited to them and x/compute's.
func WorkerMessages() []string {
	return []string{sdk.MsgTypeURL(&MsgCommitProof{}), sdk.MsgTypeURL(&MsgRevealProof{})}
}

// ProberMessages are all that a validator's prober sends: the fee grant of the
// validator is limited to them.
func ProberMessages() []string { return []string{sdk.MsgTypeURL(&MsgReportProbes{})} }
