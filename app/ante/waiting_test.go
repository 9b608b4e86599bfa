package ante_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/types/tx/signing"

	"github.com/edgematrix/emc/app/ante"
	"github.com/edgematrix/emc/app/apptest"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

var errRefused = errors.New("refused")

// asked counts what the checks ask, and refuses what it is told to.
type asked struct {
	room, kept, admitted int
	full, senseless      bool
}

func (a *asked) Room(ctx sdk.Context, _ sdk.Tx) (sdk.Context, error) {
	a.room++
	if a.full {
		return ctx, errRefused
	}
	return ctx, nil
}

func (a *asked) Keep(sdk.Context) { a.kept++ }

func (a *asked) Admit(context.Context, sdk.Msg) error {
	a.admitted++
	if a.senseless {
		return errRefused
	}
	return nil
}

// The mempool and the proofs' checker are asked where a transaction waits, and
// never in a block: there every node has to come to the same.
func TestWaiting(t *testing.T) {
	c := apptest.New(t, apptest.Options{})
	node := c.Accounts[1]
	proof := &poctypes.MsgCommitProof{Node: node.Address.String(), Window: 1}
	reveal := &poctypes.MsgRevealProof{Node: node.Address.String(), Window: 1}
	good := c.Sign(node, signing.SignMode_SIGN_MODE_DIRECT, 200_000, proof, reveal)
	forged := c.SignAgain(node, signing.SignMode_SIGN_MODE_DIRECT, 200_001, proof, reveal)
	forged[len(forged)-1] ^= 1
	check := c.Context().WithChainID(apptest.ChainID).WithBlockHeight(c.LastBlockHeight())
	recheck := check.WithIsReCheckTx(true)
	block := check.WithIsCheckTx(false)
	for name, row := range map[string]struct {
		ctx      sdk.Context
		raw      []byte
		simulate bool
		pool     asked
		refused  bool
		want     asked
	}{
		"success - a new one":             {ctx: check, raw: good, want: asked{room: 1, admitted: 2}},
		"success - one that waits on":     {ctx: recheck, raw: good, want: asked{kept: 1, admitted: 2}},
		"success - a simulation":          {ctx: check, raw: good, simulate: true},
		"success - in a block":            {ctx: block, raw: good, pool: asked{full: true, senseless: true}, want: asked{full: true, senseless: true}},
		"error - no room":                 {ctx: check, raw: good, pool: asked{full: true}, refused: true, want: asked{full: true, room: 1}},
		"error - senseless":               {ctx: check, raw: good, pool: asked{senseless: true}, refused: true, want: asked{senseless: true, room: 1, admitted: 1}},
		"error - senseless by now":        {ctx: recheck, raw: good, pool: asked{senseless: true}, refused: true, want: asked{senseless: true, admitted: 1}},
		"success - it waits on when full": {ctx: recheck, raw: good, pool: asked{full: true}, want: asked{full: true, kept: 1, admitted: 2}},
	} {
		options := c.AnteOptions()
		got := row.pool
		options.Pool, options.Proofs = &got, &got
		handler, err := ante.New(options)
		require.NoError(t, err)
		tx, err := c.TxConfig().TxDecoder()(row.raw)
		require.NoError(t, err)
		ctx, _ := row.ctx.WithTxBytes(row.raw).CacheContext()
		_, err = handler(ctx, tx, row.simulate)
		require.Equal(t, row.refused, errors.Is(err, errRefused), "%s: %v", name, err)
		if !row.refused {
			require.NoError(t, err, name)
		}
		require.Equal(t, row.want, got, name)
	}
	options, got := c.AnteOptions(), asked{}
	options.Pool, options.Proofs = &got, &got
	handler, err := ante.New(options)
	require.NoError(t, err)
	tx, err := c.TxConfig().TxDecoder()(forged)
	require.NoError(t, err)
	_, err = handler(check.WithIsSigverifyTx(true).WithTxBytes(forged), tx, false)
	require.Error(t, err)
	require.Equal(t, asked{room: 1}, got, "nobody asks in another's name")

	options.Proofs = nil
	_, err = ante.New(options)
	require.Error(t, err)
}
