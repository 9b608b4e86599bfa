package cmd

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/viper"

	confixcmd "cosmossdk.io/tools/confix/cmd"

	"github.com/cosmos/cosmos-sdk/client"
)

// configCmd changes the files of a home. The SDK's tool knows app.toml and
// client.toml, and refuses to change config.toml unless it is told to check
// nothing at all; here a key of config.toml has to be there.
func configCmd() *cobra.Command {
	cmd := confixcmd.ConfigCommand()
	for _, sub := range cmd.Commands() {
		if sub.Name() != "set" {
			continue
		}
		set := sub.RunE
		sub.RunE = func(cmd *cobra.Command, args []string) error {
			if args[0] == "config" && !cmd.Flags().Changed(skipValidate) {
				home := client.GetClientContextFromCmd(cmd).HomeDir
				if err := hasSetting(filepath.Join(home, "config", "config.toml"), args[1]); err != nil {
					return err
				}
				if err := cmd.Flags().Set(skipValidate, "true"); err != nil {
					return err
				}
			}
			return set(cmd, args)
		}
	}
	return cmd
}

// skipValidate is the SDK's flag for a change without a check.
const skipValidate = "skip-validate"

// hasSetting checks that a TOML file has a key.
func hasSetting(file, key string) error {
	v := viper.New()
	v.SetConfigFile(file)
	if err := v.ReadInConfig(); err != nil {
		return err
	}
	if !v.IsSet(key) {
		return fmt.Errorf("%s has no setting %s: settings are named by section and key, such as p2p.laddr", file, key)
	}
	return nil
}

// isSetting reports whether the command's arguments are settings and not
// amounts: a gas price is finer than any amount.
func isSetting(cmd *cobra.Command) bool {
	return cmd.HasParent() && cmd.Parent().Name() == "config"
}
