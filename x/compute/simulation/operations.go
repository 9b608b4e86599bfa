package simulation

import (
	"errors"
	"fmt"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"

	"github.com/edgematrix/emc/x/compute/keeper"
)

// Register adds the module's messages to a simulation. Each step of a job's
// life weighs so much that most of what is begun is also ended.
func Register(weights simsx.WeightSource, reg simsx.Registry, k *keeper.Keeper) {
	for _, op := range []struct {
		name    string
		weight  uint32
		factory simsx.SimMsgFactoryX
	}{
		{"compute_register_app", 12, registerApp(k)},
		{"compute_update_app", 6, updateApp(k)},
		{"compute_register_node", 30, registerNode(k)},
		{"compute_update_node", 12, updateNode(k)},
		{"compute_report_status", 100, reportStatus(k)},
		{"compute_retire_node", 4, retireNode(k)},
		{"compute_stake", 25, stake(k)},
		{"compute_unstake", 12, unstake(k)},
		{"compute_unjail", 25, unjail(k)},
		{"compute_submit_job", 220, submitJob(k)},
		{"compute_acknowledge_job", 260, acknowledgeJob(k)},
		{"compute_decline_job", 20, declineJob(k)},
		{"compute_start_job", 220, startJob(k)},
		{"compute_submit_receipt", 180, submitReceipt(k)},
		{"compute_accept_result", 80, acceptResult(k)},
		{"compute_cancel_job", 25, cancelJob(k)},
		{"compute_wrong_signature", 4, registerWithoutKey(k)},
		{"compute_wrong_offer", 4, registerMisfit(k)},
		{"compute_strange_operator", 4, updateStrangeNode(k)},
		{"compute_strange_node", 8, startStrangeJob(k)},
		{"compute_strange_customer", 8, cancelStrangeJob(k)},
		{"compute_wrong_status", 8, acceptTooEarly(k)},
	} {
		reg.Add(weights.Get(op.name, op.weight), op.factory)
	}
}

// RegisterProposals adds what governance may decide about the module.
func RegisterProposals(weights simsx.WeightSource, reg simsx.Registry) {
	reg.Add(weights.Get("compute_update_params", 100), updateParams())
}

// refused says that a message had to fail with a sentinel.
func refused(sentinel error) simsx.SimDeliveryResultHandler {
	return func(err error) error {
		if errors.Is(err, sentinel) {
			return nil
		}
		return fmt.Errorf("expected the error %w, got %w", sentinel, errOrNothing(err))
	}
}

// mayBeRefused says that a message may fail with a sentinel, or succeed.
func mayBeRefused(sentinel error) simsx.SimDeliveryResultHandler {
	return func(err error) error {
		if errors.Is(err, sentinel) {
			return nil
		}
		return err
	}
}

var errSuccess = errors.New("success")

func errOrNothing(err error) error {
	if err == nil {
		return errSuccess
	}
	return err
}

// fee is what a factory leaves of an account's balance for fees, in uemc.
const fee = 1_000_000
