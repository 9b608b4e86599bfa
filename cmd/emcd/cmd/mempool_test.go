package cmd

import (
	"path/filepath"
	"testing"

	"github.com/spf13/cast"
	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/cosmos/cosmos-sdk/server"
	svrcmd "github.com/cosmos/cosmos-sdk/server/cmd"

	"github.com/edgematrix/emc/app"
	"github.com/edgematrix/emc/app/params"
)

// The application reads how much CometBFT's mempool holds under the names that a
// node's configuration has: it refuses ordinary transactions before that.
func TestMempoolLimitsReachTheApplication(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	run := func(args ...string) *server.Context {
		t.Helper()
		root := NewRootCmd()
		var got *server.Context
		root.AddCommand(&cobra.Command{Use: "look", RunE: func(cmd *cobra.Command, _ []string) error {
			got = server.GetServerContextFromCmd(cmd)
			return nil
		}})
		root.SetArgs(append(args, "--home", home))
		require.NoError(t, svrcmd.Execute(root, EnvPrefix, home))
		return got
	}
	options := run("look").Viper
	require.Equal(t, params.MempoolTxs, cast.ToInt(options.Get(app.MempoolTxsKey)))
	require.EqualValues(t, params.MempoolBytes, cast.ToInt64(options.Get(app.MempoolBytesKey)))
	require.Equal(t, -1, cast.ToInt(options.Get(server.FlagMempoolMaxTxs)), "app.toml has a section of the same name")
	run("config", "set", "config", app.MempoolTxsKey, "123")
	require.Equal(t, 123, cast.ToInt(run("look").Viper.Get(app.MempoolTxsKey)))
}
