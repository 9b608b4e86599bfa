package cmd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/crypto"
	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdkerrors "github.com/cosmos/cosmos-sdk/types/errors"

	"github.com/edgematrix/emc/pkg/chainclient"
	"github.com/edgematrix/emc/pkg/operator"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/router/config"
	"github.com/edgematrix/emc/router/local"
)

func gatewayCmd() *cobra.Command {
	c := config.Default()
	var key, backend, dir string
	cmd := &cobra.Command{
		Use: "gateway SESSION --key NAME", Short: "Run the gateway yourself, for a session whose key you keep",
		Long: `Answer your own programs as a router's gateway would, with the key of your session on your machine: nobody else can spend
from it, and no router reads what you ask. A router of the session co-signs what you owe, and tells which nodes there
are; the nodes are called directly, so only those that can be reached from here answer.

It needs no registration and no stake, and may be killed at any moment. What was promised is in the home: never restore
it from a copy, nor run the session from two machines.

The API key that it prints is a master key, and ends when the gateway starts again. Programs that shall go on with theirs
get keys of their own by it (POST /emc/v1/keys), with a limit each.`,
		Example: `  emcd keys add calls --keyring-backend test
  emcd session open 10emc --key calls --router emc1… --from alice
  emc-router gateway 3f2a… --key calls --keyring-backend test --chain-id emc-1 --rpc http://127.0.0.1:26657`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			session, err := receipt.ParseSessionID(args[0])
			if err != nil {
				return fmt.Errorf("SESSION: %w", err)
			}
			if err := gatewayFlags(c); err != nil {
				return err
			}
			log := logger(c.Log, os.Stderr)
			prices, err := c.Chain.Prices()
			if err != nil {
				return err
			}
			chain, err := chainclient.New(chainclient.Config{RPC: c.Chain.RPC, ChainID: c.Chain.ID, GasPrices: prices, Logger: log})
			if err != nil {
				return err
			}
			if _, err := chain.CheckChain(cmd.Context()); err != nil {
				return fmt.Errorf("%w (--chain-id and --rpc)", err)
			}
			ring, err := operator.OpenKeyring(backend, dir, cmd.InOrStdin(), chain.Codec)
			if err != nil {
				return err
			}
			secret, err := secretOf(ring, key)
			if err != nil {
				return err
			}
			h, err := homeOf(cmd)
			if err != nil {
				return err
			}
			return local.Run(cmd.Context(), local.Options{
				Dir: filepath.Join(string(h), "gateway-"+session.String()), Chain: chain, Session: session, Secret: secret,
				Listen: c.Gateway.Listen, Origins: c.Gateway.Origins, Logger: log,
				Ready: func(url, key string) { fmt.Fprintf(cmd.OutOrStdout(), "base URL  %s\nAPI key   %s\nready\n", url, key) },
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Chain.ID, "chain-id", c.Chain.ID, "chain on which the session was opened (required)")
	f.StringVar(&c.Chain.RPC, "rpc", c.Chain.RPC, "CometBFT RPC endpoint of one of its nodes")
	f.StringVar(&c.Gateway.Listen, "listen", c.Gateway.Listen, "HOST:PORT at which your programs call")
	f.StringSliceVar(&c.Gateway.Origins, "origins", c.Gateway.Origins, "web pages that may call; * is all")
	f.StringVar(&c.Log.Level, "log-level", c.Log.Level, "debug, info, warn or error")
	f.StringVar(&key, "key", "", "name of the session's key in the keyring (required)")
	f.StringVar(&backend, "keyring-backend", env("KEYRING_BACKEND", keyring.BackendOS), "test, file or os")
	f.StringVar(&dir, "keyring-home", env("KEYRING_HOME", defaultKeyring()), "directory of the keyring: emcd's home")
	_ = cmd.MarkFlagRequired("key")
	return cmd
}

// gatewayFlags checks what was typed, by the names that it was typed with.
func gatewayFlags(c config.Config) error {
	if c.Chain.ID == "" {
		return errors.New("--chain-id is missing: the chain on which the session was opened")
	}
	if _, _, err := net.SplitHostPort(c.Gateway.Listen); err != nil {
		return fmt.Errorf("--listen: %q is not HOST:PORT, such as 127.0.0.1:8080", c.Gateway.Listen)
	}
	if err := c.Validate(); err != nil {
		return fmt.Errorf("a setting of this command is wrong: %w", err)
	}
	return nil
}

func defaultKeyring() string {
	dir, err := os.UserHomeDir()
	if err != nil {
		return ".emcd"
	}
	return filepath.Join(dir, ".emcd")
}

// secretOf takes a key out of the keyring: it signs every call, which a keyring does not do a thousand times a second.
func secretOf(ring keyring.Keyring, name string) ([]byte, error) {
	const passphrase = "in memory" // the armor never leaves this function
	if _, err := ring.Key(name); errors.Is(err, sdkerrors.ErrKeyNotFound) {
		return nil, fmt.Errorf("--key: the keyring has no %q; `emcd keys list` shows the keys there are (--keyring-home and --keyring-backend say which keyring)", name)
	}
	armor, err := ring.ExportPrivKeyArmor(name, passphrase)
	if err != nil {
		return nil, fmt.Errorf("--key: %q cannot be taken from the keyring: %w; one on a Ledger cannot sign calls", name, err)
	}
	key, _, err := crypto.UnarmorDecryptPrivKey(armor, passphrase)
	if err != nil {
		return nil, err
	}
	secret, ok := key.(*secp256k1.PrivKey)
	if !ok {
		return nil, fmt.Errorf("--key: a session's key is secp256k1, %q is another kind", name)
	}
	return secret.Key, nil
}
