package doctor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/edgematrix/emc/worker/runtime"
)

// Isolation measures every runtime. The least tier is what the node may
// publish: nobody who asks for a tier knows which runtime his neighbour uses.
func Isolation(ctx context.Context, all map[string]runtime.Runtime) (runtime.Tier, string, error) {
	least := runtime.TierMachine
	var words []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		tier, found, err := all[name].Isolation(ctx)
		if err != nil {
			return runtime.TierNone, "", err
		}
		least = min(least, tier)
		words = append(words, fmt.Sprintf("%s: %d (%s)", name, tier, found))
	}
	if len(words) == 0 {
		return runtime.TierNone, "", errors.New("no runtime is configured; set offer.runtimes in the settings")
	}
	return least, strings.Join(words, ", "), nil
}
