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
	cfg.Mempool.Size = params.MempoolTxs
	cfg.Mempool.CacheSize = 2 * params.MempoolTxs
	cfg.Mempool.MaxTxsBytes = params.MempoolBytes
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

// EnsureConfig writes config.toml and app.toml into a home that lacks them. The
// SDK would write them too, but takes our one-second blocks for CometBFT's
// default and replaces them by five seconds, and lets the empty defaults of
// `start`'s flags replace our gas price and query limit.
func EnsureConfig(home string) error {
	comet, app := filepath.Join(home, "config", "config.toml"), filepath.Join(home, "config", "app.toml")
	if exists(comet) && exists(app) {
		return nil
	}
	for _, dir := range []string{"config", "data"} {
		if err := os.MkdirAll(filepath.Join(home, dir), 0o700); err != nil {
			return fmt.Errorf("cannot use %s as the home directory: %w", home, err)
		}
	}
	if !exists(comet) {
		cmtcfg.WriteConfigFile(comet, CometConfig())
	}
	if !exists(app) {
		serverconfig.WriteConfigFile(app, AppConfig())
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
