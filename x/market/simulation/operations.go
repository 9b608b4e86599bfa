package simulation

import (
	"errors"
	"fmt"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"

	"github.com/edgematrix/emc/x/market/keeper"
)

// Register adds the module's messages to a simulation.
func Register(weights simsx.WeightSource, reg simsx.Registry, k *keeper.Keeper) {
	for _, op := range []struct {
		name    string
		weight  uint32
		factory simsx.SimMsgFactoryX
	}{
		{"market_open_session", 60, openSession(k)},
		{"market_top_up_session", 30, topUpSession(k)},
		{"market_rotate_key", 15, rotateKey(k)},
		{"market_close_session", 15, closeSession(k)},
		{"market_submit_job", 40, submitJob(k)},
		{"market_set_cover", 80, setCover(k)},
		{"market_redeem", 160, redeem(k)},
		{"market_collect", 30, collect(k)},
		{"market_record_receipt", 40, recordReceipt(k)},
		{"market_strange_owner", 6, closeStrange(k)},
		{"market_too_much", 6, topUpTooMuch(k)},
	} {
		reg.Add(weights.Get(op.name, op.weight), op.factory)
	}
}

// RegisterProposals adds what governance may decide about the module.
func RegisterProposals(weights simsx.WeightSource, reg simsx.Registry) {
	reg.Add(weights.Get("market_update_params", 100), updateParams())
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

// mayBeRefused says that a message may fail with one of the sentinels, or succeed.
func mayBeRefused(sentinels ...error) simsx.SimDeliveryResultHandler {
	return func(err error) error {
		for _, sentinel := range sentinels {
			if errors.Is(err, sentinel) {
				return nil
			}
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
