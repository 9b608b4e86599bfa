package power

import (
	"fmt"

	sdk "github.com/cosmos/cosmos-sdk/types"

	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// WindowOf is the window that a message is about; 0 for one that is no proof's.
func WindowOf(msg sdk.Msg) int64 {
	switch m := msg.(type) {
	case *poctypes.MsgCommitProof:
		return m.Window
	case *poctypes.MsgRevealProof:
		return m.Window
	}
	return 0
}

// Void says in words why a proof's message can never succeed any more, or "" while
// it may, and then the last block that can hold it; 0 when that is not known yet.
// Window is nil when the chain does not have it. Sure is false when an RPC
// endpoint that lags behind would give the same picture.
func Void(msg sdk.Msg, window *poctypes.Window, height int64) (why string, sure bool, until int64) {
	if window == nil {
		return "the window is gone from the chain", false, 0
	}
	over := fmt.Sprintf("window %d is past this: ", window.Height)
	switch msg.(type) {
	case *poctypes.MsgCommitProof:
		if window.Phase != poctypes.PHASE_OPEN || height >= window.ClosesAt {
			return over + "it takes no commitments any more", true, 0
		}
		return "", true, window.ClosesAt
	case *poctypes.MsgRevealProof:
		switch window.Phase {
		case poctypes.PHASE_OPEN, poctypes.PHASE_DRAWING:
			return "", true, 0
		case poctypes.PHASE_REVEAL:
			if height < window.RevealUntil {
				return "", true, window.RevealUntil
			}
		}
		return over + "it takes no proofs any more", true, 0
	}
	return "", true, 0
}

// Supersedes tells whether a commitment takes the place of an older one that no
// transaction carries yet.
func Supersedes(newer, older sdk.Msg) bool {
	a, ok := newer.(*poctypes.MsgCommitProof)
	if !ok {
		return false
	}
	b, ok := older.(*poctypes.MsgCommitProof)
	return ok && a.Node == b.Node && a.Window == b.Window && a.Rounds > b.Rounds
}
