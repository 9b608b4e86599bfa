package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/edgematrix/emc/pkg/settings"
)

// EnvPrefix starts the variables that override the file:
// EMC_WORKER_CHAIN_RPC is chain.rpc.
const EnvPrefix = "EMC_WORKER_"

// notSettings are variables of the command line, not of the file.
var notSettings = []string{"HOME", "PASSPHRASE", "KEYRING_BACKEND", "KEYRING_HOME", "FROM"}

// Load reads a file over the defaults, then the environment, and validates.
// environ is os.Environ().
func Load(path string, environ []string) (Config, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, fmt.Errorf("there is no %s; run `emc-worker init` first", path)
	}
	if err != nil {
		return Config{}, err
	}
	c, err := Parse(data, environ)
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

// Parse is Load for bytes that were read already.
func Parse(data []byte, environ []string) (Config, error) {
	c := Default()
	if err := settings.Parse(settings.Source{File: data, Environ: environ, Prefix: EnvPrefix, Others: notSettings}, &c); err != nil {
		return Config{}, err
	}
	return c, c.Validate()
}
