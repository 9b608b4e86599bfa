package cmd

import (
	"errors"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/edgematrix/emc/pkg/jobclient"
)

func jobAttachCmd() *cobra.Command {
	var o jobclient.Options
	var appFile string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "attach ID --from KEY",
		Short: "Go on with a job from wherever it is: upload, follow, fetch, accept",
		Long: `Go on with a job that was submitted from this home, from wherever it is: hand over
what the node still lacks, show the log, fetch and verify the outputs, and pay.`,
		Example: `  emcd job attach 3f2a9c41 --from alice
  emcd job attach 3f2a9c41 --from alice --app-file charlm.wasm`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, rec, err := openOwn(cmd, args[0], true, asJSON)
			if err != nil {
				return err
			}
			defer s.stop()
			if appFile != "" {
				if err := s.client.AddAppFile(rec, appFile); err != nil {
					return err
				}
			}
			summary, err := s.client.Attach(s.ctx, rec, o)
			if asJSON {
				err = errors.Join(err, printSummary(cmd, summary, err))
			}
			return exitJob(cmd, err)
		},
	}
	addJobSigning(cmd)
	cmd.Flags().StringVar(&o.OutputDir, "output", "", "directory for the outputs (default: as submitted)")
	cmd.Flags().StringVar(&appFile, "app-file", "", "the app's artifact, for a node that does not have it")
	cmd.Flags().BoolVar(&o.NoAccept, "no-accept", false, "do not accept the result: the node is paid when the acceptance window ends")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object at the end; the log goes to the standard error")
	return cmd
}

// openOwn opens a session for a job whose folder is in this home. The key is looked for by the job's customer when --from
// is not given.
func openOwn(cmd *cobra.Command, id string, signs, logsToErr bool) (*jobSession, *jobclient.Record, error) {
	home, err := jobHome(cmd)
	if err != nil {
		return nil, nil, err
	}
	rec, err := jobclient.NewStore(filepath.Join(home, jobFolders)).Load(id)
	if err != nil {
		return nil, nil, err
	}
	if signs {
		if f := cmd.Flags().Lookup("from"); !f.Changed {
			if err := f.Value.Set(rec.Customer); err != nil {
				return nil, nil, err
			}
		}
	}
	s, err := openJob(cmd, signs, logsToErr)
	if err != nil {
		return nil, nil, err
	}
	if err := s.client.CheckOwner(rec); err != nil {
		s.stop()
		return nil, nil, err
	}
	return s, rec, nil
}

func jobLogsCmd() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs ID",
		Short: "Show a job's log, also after the job has left the chain",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, rec, err := openOwn(cmd, args[0], false, false)
			if err != nil {
				return err
			}
			defer s.stop()
			if err := s.client.Logs(s.ctx, rec, follow); err != nil && s.ctx.Err() == nil {
				return err
			}
			return nil
		},
	}
	addJobConnection(cmd)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "stay until the log is complete")
	return cmd
}

func jobFetchCmd() *cobra.Command {
	var output string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "fetch ID",
		Short: "Fetch and verify a job's outputs, without accepting them",
		Long: `Fetch a job's outputs and verify them against its receipt. Nothing is accepted:
"emcd job attach ID" does that, too.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, rec, err := openOwn(cmd, args[0], false, asJSON)
			if err != nil {
				return err
			}
			defer s.stop()
			summary, err := s.client.Fetch(s.ctx, rec, output)
			if asJSON {
				err = errors.Join(err, printSummary(cmd, summary, err))
			}
			return exitJob(cmd, err)
		},
	}
	addJobConnection(cmd)
	cmd.Flags().StringVar(&output, "output", "", "directory for the outputs (default: as submitted)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object at the end")
	return cmd
}
