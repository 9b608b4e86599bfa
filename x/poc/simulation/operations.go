package simulation

import (
	"errors"
	"fmt"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"

	"github.com/edgematrix/emc/x/poc/keeper"
)

// Names of the operations whose outcome their result does not tell: a wrong proof
// is a transaction that succeeds.
const (
	RevealRight = "poc_reveal_right"
	RevealWrong = "poc_reveal_wrong"
)

// Register adds the module's messages to a simulation.
func Register(weights simsx.WeightSource, reg simsx.Registry, k *keeper.Keeper) {
	w := newWorkshop()
	for _, op := range []struct {
		name    string
		weight  uint32
		factory simsx.SimMsgFactoryX
	}{
		{"poc_commit_work", 200, commitWork(k, w)},
		{"poc_commit_lie", 60, commitLie(k)},
		{"poc_commit_refused", 8, commitRefused(k)},
		{RevealRight, 160, revealRight(k, w)},
		{RevealWrong, 100, revealWrong(k, w)},
		{"poc_reveal_refused", 8, revealRefused(k)},
		{"poc_claim_rewards", 20, claimRewards(k)},
		{"poc_register_beacon_key", 6, registerBeaconKey(k)},
		{"poc_set_prober", 12, setProber(k)},
		{"poc_report_probes", 40, reportProbes(k)},
		{"poc_report_probes_refused", 6, reportRefused(k)},
	} {
		reg.Add(weights.Get(op.name, op.weight), op.factory)
	}
}

// RegisterProposals adds what governance may decide about the module.
func RegisterProposals(weights simsx.WeightSource, reg simsx.Registry) {
	reg.Add(weights.Get("poc_update_params", 100), updateParams())
}

// refused says that a message had to fail with a sentinel.
func refused(sentinel error) simsx.SimDeliveryResultHandler {
	return func(err error) error {
		if errors.Is(err, sentinel) {
			return nil
		}
		if err == nil {
			err = errSuccess
		}
		return fmt.Errorf("expected the error %w, got %w", sentinel, err)
	}
}

var errSuccess = errors.New("success")
