package cmd

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/client/tx"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/beacon"
	poctypes "github.com/edgematrix/emc/x/poc/types"
)

// beaconKeyCmd holds what a validator does with the key of the beacon.
func beaconKeyCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "beacon-key", Short: "Show or register this validator's key of the public randomness",
		Long: `Each proposer adds the output of a verifiable random function to his blocks. Its key is in the node's home,
in ` + beacon.KeyFile + `; "emcd init" makes it. Keep a copy: it is not the consensus key, and no remote signer holds it.`,
		RunE: client.ValidateCmd,
	}
	cmd.AddCommand(beaconKeyShowCmd(), beaconKeyRegisterCmd())
	return cmd
}

func beaconKeyShowCmd() *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "Show the public key in this home", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			key, err := homeBeaconKey(client.GetClientContextFromCmd(cmd).HomeDir)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), hex.EncodeToString(key.PubKey()))
			return err
		},
	}
}

func beaconKeyRegisterCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "register", Short: "Register the key in this home as the validator's, or replace the one that is registered",
		Long: `Send the public key to the chain, with a proof that it is the validator's. It counts after a delay
(emcd query poc params); until then the key before it goes on, if there is one. A home without a key gets one.`,
		Example: "  emcd beacon-key register --from validator", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			clientCtx, err := client.GetClientTxContext(cmd)
			if err != nil {
				return err
			}
			if clientCtx.ChainID == "" {
				return errors.New("the chain id is not known: give --chain-id, or set it with `emcd config set client chain-id …`")
			}
			key, err := beacon.LoadOrMake(clientCtx.HomeDir, rand.Reader)
			if err != nil {
				return err
			}
			validator := sdk.ValAddress(clientCtx.GetFromAddress())
			return tx.GenerateOrBroadcastTxCLI(clientCtx, cmd.Flags(), &poctypes.MsgRegisterBeaconKey{
				Validator: validator.String(), Pubkey: key.PubKey(), Proof: key.Prove(beacon.OwnerInput(clientCtx.ChainID, validator)),
			})
		},
	}
	flags.AddTxFlagsToCmd(cmd)
	return cmd
}

func homeBeaconKey(home string) (beacon.Key, error) {
	key, err := beacon.Load(filepath.Join(home, filepath.FromSlash(beacon.KeyFile)))
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s has no beacon key: `emcd init` makes one for a new node, `emcd beacon-key register` for one that has none", home)
	}
	return key, err
}
