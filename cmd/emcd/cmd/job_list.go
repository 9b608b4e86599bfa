package cmd

import (
	"errors"
	"fmt"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/jobclient"
	"github.com/edgematrix/emc/x/compute/types"
)

// jobHome is the home directory of a command.
func jobHome(cmd *cobra.Command) (string, error) {
	home := client.GetClientContextFromCmd(cmd).HomeDir
	if home == "" {
		return "", errors.New("the home directory is not known: give --home")
	}
	return home, nil
}

func jobListCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List your jobs: those on the chain and those with a folder in this home",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			from, _ := cmd.Flags().GetString(flags.FlagFrom)
			s, err := openJob(cmd, from != "", false)
			if err != nil {
				return err
			}
			defer s.stop()
			customer := ""
			if from != "" {
				customer = s.chain.FromAddress.String()
			}
			rows, err := s.client.List(s.ctx, customer)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd, rows)
			}
			return printJobs(cmd, rows)
		},
	}
	addJobConnection(cmd)
	cmd.Flags().String(flags.FlagFrom, "", "name or address of a key: only its jobs, also those submitted elsewhere")
	flags.AddKeyringFlags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print a JSON array")
	return cmd
}

func printJobs(cmd *cobra.Command, rows []jobclient.Row) error {
	if len(rows) == 0 {
		cmd.PrintErrln("No jobs yet: `emcd job run` makes one.")
		return nil
	}
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "JOB\tSTATUS\tAPP\tSUBMITTED\tPRICE\tNODE\tNOTE")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.Job, r.Status, r.App, r.Submitted.Local().Format("2006-01-02 15:04"), r.PriceWords, r.Node, r.Note)
	}
	return w.Flush()
}

func jobStatusCmd() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "status ID",
		Short: "Show a job: what the chain says, and what its node says",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "text" && format != "json" {
				return fmt.Errorf("--output %q: expected text or json", format)
			}
			s, err := openJob(cmd, false, false)
			if err != nil {
				return err
			}
			defer s.stop()
			status, err := s.client.Status(s.ctx, args[0])
			if err != nil {
				return err
			}
			if format == "json" {
				return printStatusJSON(cmd, s, status)
			}
			for _, line := range status.Lines() {
				fmt.Fprintln(cmd.OutOrStdout(), line)
			}
			return nil
		},
	}
	addJobConnection(cmd)
	cmd.Flags().StringVarP(&format, flags.FlagOutput, "o", "text", "text or json")
	return cmd
}

// printStatusJSON prints the chain's job in the form of every query, and the worker's words beside it.
func printStatusJSON(cmd *cobra.Command, s *jobSession, status jobclient.JobStatus) error {
	out := map[string]any{"id": status.ID, "worker": status.Worker, "worker_error": status.WorkerError, "local": status.Local}
	if status.Job != nil {
		raw, err := s.chain.Codec.MarshalJSON(status.Job)
		if err != nil {
			return err
		}
		out["job"] = rawJSON(raw)
	}
	return printJSON(cmd, out)
}

type rawJSON []byte

// MarshalJSON implements json.Marshaler.
func (r rawJSON) MarshalJSON() ([]byte, error) { return r, nil }

func jobCancelCmd() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:   "cancel ID",
		Short: "End a job that has not finished",
		Long: `End a job that has not finished. A job that has not started costs the reservation
fee; a running one costs the time that it ran, at least the minimum fee. The rest
comes back at once.`,
		Example: `  emcd job cancel 3f2a9c41 --from alice`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := fullJobID(cmd, args[0])
			if err != nil {
				return err
			}
			s, err := openJob(cmd, true, false)
			if err != nil {
				return err
			}
			defer s.stop()
			if !yes {
				if err := confirmCancel(cmd, s, id); err != nil {
					return err
				}
			}
			_, err = s.client.Cancel(s.ctx, id)
			return err
		},
	}
	addJobSigning(cmd)
	cmd.Flags().BoolVarP(&yes, flags.FlagSkipConfirmation, "y", false, "do not ask")
	return cmd
}

// fullJobID completes a shortened id by the folders of this home, and takes the key of the job's customer when --from is
// not given.
func fullJobID(cmd *cobra.Command, id string) (string, error) {
	home, err := jobHome(cmd)
	if err != nil {
		return "", err
	}
	rec, err := jobclient.NewStore(filepath.Join(home, jobFolders)).Load(id)
	switch {
	case errors.Is(err, jobclient.ErrUnknownJob) && types.ValidateJobID(id) == nil:
		return id, nil // submitted elsewhere: the chain knows it, and asks for the key only
	case err != nil:
		return "", err
	}
	if f := cmd.Flags().Lookup(flags.FlagFrom); f != nil && !f.Changed {
		return rec.ID, f.Value.Set(rec.Customer)
	}
	return rec.ID, nil
}

func confirmCancel(cmd *cobra.Command, s *jobSession, id string) error {
	status, err := s.client.Status(s.ctx, id)
	if err != nil {
		return err
	}
	if status.Job != nil {
		cmd.PrintErrf("Job %s is %s and holds %s.\n", id, types.StatusWord(status.Job.Status), amount.Format(status.Job.MaxPrice))
	}
	return askPerson(cmd, "Cancel it? [y/N] ", "nothing was cancelled")
}
