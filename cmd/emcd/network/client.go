package network

import (
	"fmt"
	"os"

	clientconfig "github.com/cosmos/cosmos-sdk/client/config"
)

// ClientConfig is client.toml, which the SDK reads but does not let us write.
type ClientConfig clientconfig.ClientConfig

// Write saves the settings to path.
func (cfg ClientConfig) Write(path string) error {
	text := fmt.Sprintf(`# What emcd asks and signs with when it is given this home.

chain-id = %q
# where keys are kept: os, file, test (unprotected), memory
keyring-backend = %q
keyring-default-keyname = %q
# text or json
output = %q
# the node's CometBFT RPC
node = %q
# sync waits for the node's check of a transaction, async does not
broadcast-mode = %q
`, cfg.ChainID, cfg.KeyringBackend, cfg.KeyringDefaultKeyName, cfg.Output, cfg.Node, cfg.BroadcastMode)
	return os.WriteFile(path, []byte(text), 0o600)
}
