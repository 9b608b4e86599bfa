package simulation

import (
	"errors"
	"fmt"

	"github.com/cosmos/cosmos-sdk/testutil/simsx"

	"github.com/edgematrix/emc/x/socket/keeper"
)

// Register adds the module's messages, and x/nft's of sockets, to a simulation.
func Register(weights simsx.WeightSource, reg simsx.Registry, k *keeper.Keeper) {
	for _, op := range []struct {
		name    string
		weight  uint32
		factory simsx.SimMsgFactoryX
	}{
		{"socket_mint", 80, mint(k)},
		{"socket_list", 40, list(k)},
		{"socket_delist", 15, delist(k)},
		{"socket_buy", 80, buy(k)},
		{"socket_plug", 60, plug(k)},
		{"socket_unplug", 10, unplug(k)},
		{"socket_split", 50, split(k)},
		{"socket_burn", 6, burn(k)},
		{"socket_send", 15, send(k)},
		{"socket_send_away", 4, sendAway(k)},
		{"socket_mint_too_much", 6, mintTooMuch(k)},
		{"socket_strange_holder", 6, burnStrange(k)},
		{"socket_too_dear", 15, buyTooDear(k)},
		{"socket_plug_unsold", 8, plugUnsold(k)},
		{"socket_send_held", 6, sendHeld(k)},
	} {
		reg.Add(weights.Get(op.name, op.weight), op.factory)
	}
}

// RegisterProposals adds what governance may decide about the module.
func RegisterProposals(weights simsx.WeightSource, reg simsx.Registry) {
	reg.Add(weights.Get("socket_update_params", 100), updateParams())
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
