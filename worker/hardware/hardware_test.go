package hardware

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

func TestHostFitsTheChain(t *testing.T) {
	h, err := Host{Dir: t.TempDir()}.Hardware(context.Background())
	require.NoError(t, err)
	require.NoError(t, h.Validate())
	require.NotZero(t, h.CpuCores)
	require.Greater(t, h.MemoryBytes, uint64(64<<20))
	require.NotZero(t, h.DiskBytes)
	free, err := FreeDisk(context.Background(), t.TempDir())
	require.NoError(t, err)
	require.LessOrEqual(t, free, h.DiskBytes)
}

func TestWords(t *testing.T) {
	require.Equal(t, "AMD EPYC 7", words("  AMD\tEPYC \x00 7\n"))
	require.LessOrEqual(t, len(words(strings.Repeat("ä", 500))), computetypes.MaxWordsBytes)
}
