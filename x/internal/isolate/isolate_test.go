package isolate_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	storetypes "github.com/cosmos/cosmos-sdk/store/v2/types"
	"github.com/cosmos/cosmos-sdk/testutil"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/x/internal/isolate"
)

var (
	key = storetypes.NewKVStoreKey("test")
	one = []byte("one")
)

func newContext() sdk.Context {
	return testutil.DefaultContextWithKeys(map[string]*storetypes.KVStoreKey{"test": key}, nil, nil).WithEventManager(sdk.NewEventManager())
}

// write changes the state and tells of it.
func write(ctx context.Context) {
	sdkCtx := sdk.UnwrapSDKContext(ctx)
	sdkCtx.KVStore(key).Set(one, one)
	sdkCtx.EventManager().EmitEvent(sdk.NewEvent("written"))
}

func TestRun(t *testing.T) {
	broken := errors.New("broken")
	for _, tc := range []struct {
		name  string
		run   func(context.Context) error
		err   error
		words string
		kept  bool
	}{
		{"success", func(ctx context.Context) error { write(ctx); return nil }, nil, "", true},
		{"error - an error", func(ctx context.Context) error { write(ctx); return broken }, broken, "broken", false},
		{"error - a panic", func(ctx context.Context) error { write(ctx); panic("at the disco") }, nil, "panic: at the disco", false},
		{"error - a panic with an error", func(ctx context.Context) error { write(ctx); panic(broken) }, nil, "panic: broken", false},
		{"success - a part within fails, the rest is kept", func(ctx context.Context) error {
			write(ctx)
			_ = isolate.Run(ctx, func(ctx context.Context) error {
				sdk.UnwrapSDKContext(ctx).KVStore(key).Delete(one)
				return broken
			})
			return nil
		}, nil, "", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx := newContext()
			err := isolate.Run(ctx, tc.run)
			if tc.words == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tc.words)
			}
			if tc.err != nil {
				require.ErrorIs(t, err, tc.err)
			}
			require.Equal(t, tc.kept, ctx.KVStore(key).Has(one))
			require.Equal(t, tc.kept, len(ctx.EventManager().Events()) == 1)
		})
	}
}

// A transaction ends where its gas does, however it is cut into parts; a panic
// that is not about gas is one part's own.
func TestRunPassesOnThatGasRanOut(t *testing.T) {
	ctx := newContext().WithGasMeter(storetypes.NewGasMeter(100_000))
	require.Panics(t, func() {
		_ = isolate.Run(ctx, func(ctx context.Context) error {
			write(ctx)
			sdk.UnwrapSDKContext(ctx).GasMeter().ConsumeGas(100_001, "too much")
			return nil
		})
	})
	require.False(t, ctx.WithGasMeter(storetypes.NewInfiniteGasMeter()).KVStore(key).Has(one))

	ctx = newContext().WithGasMeter(storetypes.NewGasMeter(100_000))
	require.ErrorContains(t, isolate.Run(ctx, func(context.Context) error { panic("other") }), "other")
	require.Error(t, isolate.Run(newContext().WithGasMeter(storetypes.NewInfiniteGasMeter()), func(ctx context.Context) error {
		panic(storetypes.ErrorOutOfGas{Descriptor: "of a meter further in"})
	}))
}
