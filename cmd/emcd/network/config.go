// Package network writes what a new network needs: genesis, keys, and the
// configuration of its nodes.
package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	cmtcfg "github.com/cometbft/cometbft/config"

	serverconfig "github.com/cosmos/cosmos-sdk/server/config"

	"github.com/edgematrix/emc/app/params"
)

// CometConfig returns the default config.toml: one-second blocks and room for
// many small transactions, which is what workers and their customers send.
func CometConfig() *cmtcfg.Config {
	cfg := cmtcfg.DefaultConfig()
	cfg.Consensus.TimeoutCommit = time.Second
	cfg.Mempool.Size = 20_000
	cfg.Mempool.CacheSize = 40_000
	cfg.Mempool.MaxTxsBytes = 256 << 20
	cfg.Mempool.MaxTxBytes = 1 << 20
	return cfg
}

// AppConfig returns the default app.toml.
func AppConfig() *serverconfig.Config {
	cfg := serverconfig.DefaultConfig()
	cfg.MinGasPrices = params.MinGasPrice
	cfg.QueryGasLimit = params.QueryGasLimit
	cfg.StateSync.SnapshotInterval = 1000
	cfg.StateSync.SnapshotKeepRecent = 2
	return cfg
}

// EnsureCometConfig writes config.toml into a home that has none. The SDK would
// write one too, but takes our one-second blocks for CometBFT's default and
// replaces them by five seconds.
func EnsureCometConfig(home string) error {
	path := filepath.Join(home, "config", "config.toml")
	if _, err := os.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, dir := range []string{"config", "data"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o700); err != nil {
			return fmt.Errorf("cannot use %s as the home directory: %w", home, err)
		}
	}
	cmtcfg.WriteConfigFile(path, CometConfig())
	return nil
}
