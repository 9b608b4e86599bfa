// Package isolate lets modules work off many things of which any may fail: each
// runs in a cache of its own, so that one bad record changes nothing, and stops
// neither the block nor what stands behind it.
package isolate

import (
	"context"
	"fmt"

	sdk "github.com/cosmos/cosmos-sdk/types"
)

// Run runs one thing in a cache that is written, events and all, only when it
// succeeds. A panic is an error like any other. Only a transaction whose gas ran
// out ends here as it does anywhere: its one failed part must not be what is
// cheap. A block's own work has no limit of gas.
func Run(ctx context.Context, run func(context.Context) error) (err error) {
	outer := sdk.UnwrapSDKContext(ctx)
	cached, write := outer.CacheContext()
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if outer.GasMeter().IsPastLimit() {
			panic(r)
		}
		err = fmt.Errorf("panic: %v", r)
	}()
	if err := run(cached); err != nil {
		return err
	}
	write()
	return nil
}
