package cmd

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	sdkmath "cosmossdk.io/math"

	"github.com/cosmos/cosmos-sdk/client/flags"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/job"
	"github.com/edgematrix/emc/pkg/jobclient"
	"github.com/edgematrix/emc/pkg/power"
	"github.com/edgematrix/emc/x/compute/types"
)

// jobOrder holds the flags of a new job.
type jobOrder struct {
	app, appFile, worker, region, output string
	session                              string
	inputs, args, env, guest             []string
	memory, maxOutput, maxLog            string
	maxPrice, minStake, minPower         string
	gpuModel                             string
	maxOutputFiles                       int64
	cores, gpus, isolation               uint32
	maxTime                              time.Duration
	egress                               bool
	dryRun, yes, noAccept, json          bool
}

func jobRunCmd() *cobra.Command {
	var o jobOrder
	cmd := &cobra.Command{
		Use:   "run --app APP [--input FILE]… --from KEY [-- ARGUMENT…]",
		Short: "Run a job: quote, submit, upload, follow, fetch, verify, pay",
		Long: `Run a job from the quote to the verified outputs.

The app finds the inputs in /in under their file names, or under the names given
as name=FILE, and leaves its outputs in /out. What follows "--" are its arguments.

The node gets the inputs from this machine directly; the chain sees salted digests
only. When the outputs have been fetched and match the receipt on the chain, the
node is paid at once and the rest of what the job held comes back. Ctrl-C leaves
the job running and says how to come back.

Exit status: 0 success, 3 the program failed (its outputs are fetched all the
same), 4 the job ended without a result, 5 the result does not match its receipt,
130 interrupted, 1 anything else.`,
		Example: `  emcd job run --app charlm --input book.txt --from alice -- train --input /in/book.txt
  emcd job run --app charlm --input weights.bin --max-time 5m --max-price 0.1emc --from alice -- generate --weights /in/weights.bin
  emcd job run --app charlm --input book.txt --session SESSION --from bob -- train --input /in/book.txt
  emcd job run --app charlm --input book.txt --dry-run`,
		Args: o.takeArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return exitJob(cmd, o.run(cmd, true)) },
	}
	o.addFlags(cmd)
	cmd.Flags().StringVar(&o.output, "output", "", "directory for the outputs (default ./emc-job-<beginning of the id>)")
	cmd.Flags().BoolVar(&o.noAccept, "no-accept", false, "do not accept the result: the node is paid when the acceptance window ends")
	return cmd
}

func jobSubmitCmd() *cobra.Command {
	var o jobOrder
	cmd := &cobra.Command{
		Use:   "submit --app APP [--input FILE]… --from KEY [-- ARGUMENT…]",
		Short: "Submit a job and hand over its inputs, without staying for the result",
		Long: `Submit a job and hand over its inputs. Its id goes to the standard output.

"emcd job attach ID" follows it, fetches its outputs and pays.`,
		Example: `  emcd job submit --app charlm --input book.txt --from alice --yes -- train --input /in/book.txt`,
		Args:    o.takeArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return exitJob(cmd, o.run(cmd, false)) },
	}
	o.addFlags(cmd)
	cmd.Flags().StringVar(&o.output, "output", "", "directory for the outputs of a later attach or fetch")
	return cmd
}

func (o *jobOrder) addFlags(cmd *cobra.Command) {
	addJobSigning(cmd)
	f, limits := cmd.Flags(), job.DefaultLimits()
	f.StringVar(&o.app, "app", "", "app to run; see \"emcd query compute apps\"")
	f.StringArrayVar(&o.inputs, "input", nil, "input FILE, name=FILE, or a directory; may be repeated")
	f.StringArrayVar(&o.args, "arg", nil, "argument for the app; may be repeated; they precede those after --")
	f.StringArrayVar(&o.env, "env", nil, "environment variable KEY=VALUE for the app; may be repeated")
	f.StringVar(&o.appFile, "app-file", "", "the app's artifact, for nodes that do not have it")
	f.DurationVar(&o.maxTime, "max-time", 10*time.Minute, "longest run that you pay for")
	f.StringVar(&o.maxPrice, "max-price", "", "most that the job may cost, for example 0.5emc (default: the quote of the cheapest node)")
	f.StringVar(&o.memory, "memory", humanize.IBytes(uint64(limits.MemoryBytes)), "memory limit")
	f.StringVar(&o.maxOutput, "max-output", humanize.IBytes(uint64(limits.OutputBytes)), "limit of all outputs together")
	f.Int64Var(&o.maxOutputFiles, "max-output-files", limits.OutputFiles, "limit of output files")
	f.StringVar(&o.maxLog, "max-log", humanize.IBytes(uint64(limits.LogBytes)), "limit of the log")
	f.StringVar(&o.worker, "worker", "", "address of the node that shall run it (default: the cheapest that fits)")
	f.StringVar(&o.session, "session", "", "session that pays, for example that of a plugged socket, which brings node and price with it (default: the account of --from)")
	f.StringVar(&o.region, "region", "", "region of the node, for example DE or US-CA")
	f.Uint32Var(&o.cores, "cpu-cores", 0, "CPU cores that the node must give")
	f.Uint32Var(&o.gpus, "gpus", 0, "GPUs that the node must have")
	f.StringVar(&o.gpuModel, "gpu-model", "", "text that the GPU's model name must contain")
	f.Uint32Var(&o.isolation, "min-isolation", 0, "isolation tier that the node must have, 0 to 4")
	f.BoolVar(&o.egress, "egress", false, "the app needs a way to the internet (docker apps, through the node's filtering proxy)")
	f.StringVar(&o.minStake, "min-stake", "", "stake that the node must have, for example 10emc")
	f.StringVar(&o.minPower, "min-power", "", "proven power that a slot must have, for example 0.5E; of the nodes that fit, the one whose power is cheapest gets the job")
	f.BoolVar(&o.dryRun, flags.FlagDryRun, false, "show the quote and every node's fitness, submit nothing")
	f.BoolVarP(&o.yes, flags.FlagSkipConfirmation, "y", false, "do not ask before submitting")
	f.BoolVar(&o.json, "json", false, "print one JSON object at the end; the log goes to the standard error")
	_ = cmd.MarkFlagRequired("app") // the flag exists: see above
}

// takeArgs keeps the app's arguments before the root command reads amounts in them: an app's "1emc" is its own affair.
func (o *jobOrder) takeArgs(cmd *cobra.Command, args []string) error {
	cmd.SilenceUsage = true
	if dash := cmd.ArgsLenAtDash(); len(args) > 0 && dash != 0 {
		return fmt.Errorf("%q: put the app's own arguments behind --, its files behind --input", args[0])
	}
	o.guest = slices.Clone(args)
	return nil
}

func (o *jobOrder) run(cmd *cobra.Command, follow bool) error {
	request, err := o.request()
	if err != nil {
		return err
	}
	s, err := openJob(cmd, !o.dryRun, o.json)
	if err != nil {
		return err
	}
	defer s.stop()
	if o.dryRun {
		return o.quote(cmd, s, request)
	}
	options := jobclient.Options{Confirm: o.confirm(cmd), NoAccept: o.noAccept}
	act := s.client.Submit
	if follow {
		act = s.client.Run
	}
	summary, err := act(s.ctx, request, options)
	switch {
	case o.json:
		return errors.Join(err, printSummary(cmd, summary, err))
	case !follow && summary.Job != "":
		fmt.Fprintln(cmd.OutOrStdout(), summary.Job)
	}
	return err
}

func (o *jobOrder) quote(cmd *cobra.Command, s *jobSession, request jobclient.Request) error {
	q, err := s.client.Quote(s.ctx, request)
	if err != nil {
		return err
	}
	if o.json {
		return printQuote(cmd, q)
	}
	s.client.ShowQuote(q, uint64(o.maxTime/time.Second), true)
	if q.Node == "" {
		return errors.New("no node fits")
	}
	return nil
}

// confirm asks on a terminal; without one, --yes must have said it.
func (o *jobOrder) confirm(cmd *cobra.Command) jobclient.Confirm {
	if o.yes {
		return nil
	}
	return func() error { return askPerson(cmd, "Submit? [y/N] ", "nothing was submitted") }
}

// askPerson goes on only when a person at a terminal says yes.
func askPerson(cmd *cobra.Command, question, otherwise string) error {
	if !isTerminal(os.Stdin) {
		return fmt.Errorf("%s: give --yes to go on without being asked", otherwise)
	}
	cmd.PrintErr(question)
	answer, err := bufio.NewReader(cmd.InOrStdin()).ReadString('\n')
	if answer = strings.ToLower(strings.TrimSpace(answer)); err != nil || (answer != "y" && answer != "yes") {
		return errors.New(otherwise)
	}
	return nil
}

func (o *jobOrder) request() (jobclient.Request, error) {
	r := jobclient.Request{
		App: o.app, Args: append(slices.Clone(o.args), o.guest...), Env: o.env, AppFile: o.appFile, MaxTime: o.maxTime,
		Node: o.worker, Session: o.session, OutputDir: o.output,
		Requirements: types.Requirements{
			CpuCores: o.cores, Gpus: o.gpus, GpuModel: o.gpuModel, Region: o.region, MinIsolation: o.isolation, Egress: o.egress, MinStake: sdkmath.ZeroInt(),
		},
	}
	var err error
	if r.Inputs, err = jobclient.ParseInputs(o.inputs); err != nil {
		return r, err
	}
	r.Limits.OutputFiles = o.maxOutputFiles
	for _, size := range []struct {
		flag, text string
		value      *int64
	}{{"memory", o.memory, &r.Limits.MemoryBytes}, {"max-output", o.maxOutput, &r.Limits.OutputBytes}, {"max-log", o.maxLog, &r.Limits.LogBytes}} {
		n, err := humanize.ParseBytes(size.text)
		if err != nil || n > math.MaxInt64 {
			return r, fmt.Errorf("--%s %q: expected a size such as 512MiB or 2GiB", size.flag, size.text)
		}
		*size.value = int64(n)
	}
	if o.maxPrice != "" {
		price, err := amount.ParseCoin(o.maxPrice)
		if err != nil {
			return r, fmt.Errorf("--max-price: %w", err)
		}
		r.MaxPrice = &price
	}
	if o.minStake != "" {
		stake, err := amount.ParseCoin(o.minStake)
		if err != nil {
			return r, fmt.Errorf("--min-stake: %w", err)
		}
		if stake.Denom != types.Denom {
			return r, fmt.Errorf("--min-stake must be in EMC, for example 10emc, got %s", stake)
		}
		r.Requirements.MinStake = stake.Amount
	}
	if o.minPower != "" {
		if r.Requirements.MinSlotPower, err = power.Parse(o.minPower); err != nil {
			return r, fmt.Errorf("--min-power: %w", err)
		}
	}
	return r, nil
}

// printSummary writes the one JSON object of --json. There is none when nothing was submitted.
func printSummary(cmd *cobra.Command, s jobclient.Summary, failure error) error {
	if s.Job == "" {
		return nil
	}
	out := struct {
		jobclient.Summary
		Error string `json:"error,omitempty"`
	}{Summary: s}
	if failure != nil {
		out.Error = failure.Error()
	}
	return printJSON(cmd, out)
}

func printQuote(cmd *cobra.Command, q jobclient.Quote) error {
	candidates := q.Candidates
	if candidates == nil {
		candidates = []types.Candidate{}
	}
	return printJSON(cmd, struct {
		App        string            `json:"app"`
		Node       string            `json:"node"`
		Chosen     string            `json:"chosen,omitempty"`
		EHourPrice string            `json:"e_hour_price,omitempty"`
		Most       sdk.Coin          `json:"most"`
		Reason     string            `json:"reason,omitempty"`
		Candidates []types.Candidate `json:"candidates"`
	}{q.App.Id, q.Node, q.Chosen, q.EHourPrice, q.Most, q.Reason, candidates})
}

func printJSON(cmd *cobra.Command, v any) error {
	e := json.NewEncoder(cmd.OutOrStdout())
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
