package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/edgematrix/emc/worker/daemon"
	"github.com/edgematrix/emc/worker/jobstore"
)

func appCmd() *cobra.Command {
	cmd := &cobra.Command{Use: "app", Short: "Artifacts of apps that are kept on this machine"}
	cmd.AddCommand(appAddCmd(), appListCmd())
	return cmd
}

func appAddCmd() *cobra.Command {
	return &cobra.Command{
		Use: "add FILE", Short: "Keep an app's artifact, so that customers need not upload it",
		Example: "  emc-worker app add charlm.wasm",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := load(cmd)
			if err != nil {
				return err
			}
			path, err := filepath.Abs(args[0])
			if err != nil {
				return err
			}
			var added daemon.AddedApp
			if w.home.Running() {
				added, err = daemon.Control{Home: w.home}.AddApp(cmd.Context(), path)
			} else {
				added, err = addApp(w, path)
			}
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s  %d bytes\n", added.Digest, added.Size)
			return nil
		},
	}
}

func addApp(w *worker, path string) (daemon.AddedApp, error) {
	nobody := func(context.Context, string) (jobstore.ChainJob, error) {
		return jobstore.ChainJob{}, jobstore.ErrUnknownJob
	}
	c, err := daemon.StoreConfig(w.home.Store(), w.config.Chain.ID, w.config.Storage, nobody)
	if err != nil {
		return daemon.AddedApp{}, err
	}
	s, err := jobstore.Open(c)
	if err != nil {
		return daemon.AddedApp{}, err
	}
	digest, size, err := s.AddApp(path)
	if closeErr := s.Close(); err == nil {
		err = closeErr
	}
	return daemon.AddedApp{Digest: digest.String(), Size: size}, err
}

func appListCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "list", Short: "List the artifacts that are kept",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w, err := load(cmd)
			if err != nil {
				return err
			}
			list, err := os.ReadDir(filepath.Join(w.home.Store(), "apps"))
			if err != nil && !os.IsNotExist(err) {
				return err
			}
			apps := []daemon.AddedApp{}
			for _, e := range list {
				info, err := e.Info()
				if err != nil || len(e.Name()) != 64 {
					continue
				}
				apps = append(apps, daemon.AddedApp{Digest: e.Name(), Size: info.Size()})
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(apps)
			}
			for _, a := range apps {
				fmt.Fprintf(cmd.OutOrStdout(), "%s  %d bytes\n", a.Digest, a.Size)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}
