package validators

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/edgematrix/emc/test/e2e/rig"
)

// An operator moves his validator to another machine and leaves the old one
// running: two processes with one key. A block gets the proof of it, the chain
// burns the stated part of the stake, and goes on without him for good.
func TestDoubleSign(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	n := network(t, Options{})
	first, victim := n.Nodes[0], n.Nodes[3]
	before := standing(t, first, victim)
	require.EqualValues(t, 500_000_000_000, before.tokens)
	require.False(t, before.jailed)

	// The twin is hasty: it votes against a proposal that is not there at once,
	// while the other process votes for it.
	twin, err := n.Add(ctx, "twin", Settings{"consensus.timeout_propose": "1ms", "consensus.timeout_propose_delta": "1ms"}, nil)
	require.NoError(t, err)
	require.NoError(t, copyFile(victim.Home, twin.Home, "config/priv_validator_key.json"))
	require.NoError(t, twin.Launch())

	var proof struct {
		Evidence []struct {
			Type    string  `json:"@type"`
			Height  rig.Int `json:"height"`
			Power   rig.Int `json:"power"`
			Address string  `json:"consensus_address"`
		} `json:"evidence"`
	}
	require.NoError(t, rig.Eventually(ctx, 2*time.Minute, "the proof is in a block", func() (bool, error) {
		_, err := first.Get(ctx, "/cosmos/evidence/v1beta1/evidence", 0, &proof)
		return len(proof.Evidence) > 0, err
	}))
	require.Equal(t, "/cosmos.evidence.v1beta1.Equivocation", proof.Evidence[0].Type)
	require.EqualValues(t, 500_000, proof.Evidence[0].Power)

	var params struct {
		Params struct {
			Fraction string `json:"slash_fraction_double_sign"`
		} `json:"params"`
	}
	_, err = first.Get(ctx, "/cosmos/slashing/v1beta1/params", 0, &params)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(params.Params.Fraction, "0.05"), params.Params.Fraction)

	after := standing(t, first, victim)
	require.EqualValues(t, 475_000_000_000, after.tokens, "a twentieth less, to the last uemc")
	require.Equal(t, before.supply-25_000_000_000, after.supply, "and it is burnt")
	require.True(t, after.jailed)
	for i, node := range n.Nodes[:3] {
		require.EqualValues(t, 500_000_000_000, standing(t, first, node).tokens, "node%d pays nothing", i)
	}
	var signing struct {
		Info struct {
			Tombstoned bool `json:"tombstoned"`
		} `json:"val_signing_info"`
	}
	_, err = first.Get(ctx, "/cosmos/slashing/v1beta1/signing_infos/"+proof.Evidence[0].Address, 0, &signing)
	require.NoError(t, err)
	require.True(t, signing.Info.Tombstoned)
	_, err = victim.Tx(ctx, victim.Name, "slashing", "unjail")
	require.ErrorContains(t, err, "validator still jailed; cannot be unjailed", "the key is spent for ever")

	// Without him the others make blocks, and nobody is slashed again.
	twin.Kill()
	victim.Kill()
	height, err := n.Height(ctx)
	require.NoError(t, err)
	require.NoError(t, first.WaitHeight(ctx, height+6, 2*time.Minute))
	last := standing(t, first, victim)
	require.Equal(t, after.tokens, last.tokens)
	_, err = n.Agree(ctx, 1, height+6, n.Nodes[:3]...)
	require.NoError(t, err)
}

// stand is what the chain says of a validator.
type stand struct {
	tokens, supply int64
	jailed         bool
}

// standing asks a node about the validator of another.
func standing(t *testing.T, asked, of *Node) stand {
	t.Helper()
	operator, err := of.Emcd(t.Context(), "keys", "show", of.Name, "--bech", "val", "--address", "--keyring-backend", "test")
	require.NoError(t, err)
	var v struct {
		Validator struct {
			Tokens rig.Int `json:"tokens"`
			Jailed bool    `json:"jailed"`
		} `json:"validator"`
	}
	_, err = asked.Get(t.Context(), "/cosmos/staking/v1beta1/validators/"+strings.TrimSpace(operator.Out), 0, &v)
	require.NoError(t, err)
	var s struct {
		Amount rig.Coin `json:"amount"`
	}
	_, err = asked.Get(t.Context(), "/cosmos/bank/v1beta1/supply/by_denom?denom=uemc", 0, &s)
	require.NoError(t, err)
	return stand{int64(v.Validator.Tokens), int64(s.Amount.Amount), v.Validator.Jailed}
}
