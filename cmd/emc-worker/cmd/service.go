package cmd

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/edgematrix/emc/worker/config"
)

func serviceCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use: "service", Short: "Apps that this worker answers calls of",
		Long: `Answer calls of sessions: with a program of the chain's registry, or with an HTTP server that already runs on this
machine. A running worker begins with what is added within a second; calls that run then are cut, and paid as far as
they came.`,
	}
	cmd.AddCommand(serviceAddCmd(), serviceListCmd(), serviceRemoveCmd())
	return cmd
}

func serviceAddCmd() *cobra.Command {
	s := config.DefaultService()
	cmd := &cobra.Command{
		Use: "add APP --price AMOUNT [--url URL | -- ARGS…]", Short: "Answer calls of an app, or change how",
		Long: `APP is its id in the chain's registry. What stands behind "--" are the program's arguments; it finds the files of --input
in /in. With --url the calls go to a server that runs already, such as vLLM, llama.cpp or Ollama.`,
		Example: `  emc-worker service add my-model --price 10uemc --input weights.bin -- serve --weights /in/weights.bin
  emc-worker service add llama3 --price 20uemc --url http://127.0.0.1:11434 --model llama3:8b --processes 4`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := homeOf(cmd)
			if err != nil {
				return err
			}
			if err := h.Check(); err != nil {
				return err
			}
			s.App, s.Args = args[0], args[1:]
			if dash := cmd.ArgsLenAtDash(); len(args) > 1 && dash != 1 {
				return errors.New("give the app, and the program's arguments behind \"--\"")
			}
			for i, path := range s.Inputs {
				if s.Inputs[i], err = filepath.Abs(path); err != nil {
					return err
				}
			}
			services, err := config.LoadServices(h.Services())
			if err != nil {
				return err
			}
			services = slices.DeleteFunc(services, func(have config.Service) bool { return have.App == s.App })
			if err := config.WriteServices(h.Services(), append(services, s)); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s is in %s\n", s.App, h.Services())
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.UnitPrice, "price", "", "of one unit, such as 10uemc (required)")
	f.StringVar(&s.CallPrice, "call-price", s.CallPrice, "of each call beside its units")
	f.StringVar(&s.Unit, "unit", s.Unit, "how units are counted: tokens, calls, or kib of the answer")
	f.StringArrayVar(&s.Inputs, "input", nil, "file that the program finds in /in")
	f.StringVar(&s.Memory, "memory", s.Memory, "what one process may hold")
	f.StringVar(&s.URL, "url", "", "server that runs already")
	f.StringVar(&s.Model, "model", "", "what that server calls the model")
	f.StringArrayVar(&s.Paths, "path", nil, "what of that server may be asked, as \"POST /path\" (default: what OpenAI's API computes)")
	f.IntVar(&s.Processes, "processes", s.Processes, "calls that are answered at once")
	f.IntVar(&s.Queue, "queue", s.Queue, "calls that wait beyond these")
	f.StringVar(&s.Idle, "idle", s.Idle, "stop a process that had nothing to do for so long")
	return cmd
}

func serviceListCmd() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the apps and their prices", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := homeOf(cmd)
			if err != nil {
				return err
			}
			services, err := config.LoadServices(h.Services())
			if err != nil {
				return err
			}
			w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "APP\tPER UNIT\tPER CALL\tUNIT\tAT ONCE\tANSWERED BY")
			for _, s := range services {
				by := s.URL
				if by == "" {
					by = fmt.Sprint(s.Args)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\t%s\n", s.App, s.UnitPrice, s.CallPrice, s.Unit, s.Processes, by)
			}
			return w.Flush()
		},
	}
}

func serviceRemoveCmd() *cobra.Command {
	return &cobra.Command{
		Use: "remove APP", Short: "Answer no calls of an app any more", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := homeOf(cmd)
			if err != nil {
				return err
			}
			services, err := config.LoadServices(h.Services())
			if err != nil {
				return err
			}
			left := slices.DeleteFunc(slices.Clone(services), func(s config.Service) bool { return s.App == args[0] })
			if len(left) == len(services) {
				return fmt.Errorf("there is no service %q; `emc-worker service list` shows them", args[0])
			}
			return config.WriteServices(h.Services(), left)
		},
	}
}
