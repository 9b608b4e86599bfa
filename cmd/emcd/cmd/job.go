package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/client/tx"
	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	sdk "github.com/cosmos/cosmos-sdk/types"

	"github.com/edgematrix/emc/pkg/jobclient"
)

// jobFolders is the directory of the jobs' folders, below the home.
const jobFolders = "jobs"

// jobCommand holds what a customer does with jobs.
func jobCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "job",
		Short: "Rent computing power: run a job, follow it, fetch its results",
		Long: `Rent computing power for one job after another.

"emcd job run" does everything: it quotes, submits, hands over the inputs, shows
the log, fetches and verifies the outputs, and pays. All other commands are for
coming back to a job. Their ID may be shortened to its first characters.

What the client itself says goes to the standard error, the job's log to the
standard output.`,
		RunE: client.ValidateCmd,
	}
	cmd.AddCommand(jobRunCmd(), jobSubmitCmd(), jobAttachCmd(), jobStatusCmd(), jobLogsCmd(), jobFetchCmd(), jobCancelCmd(), jobListCmd())
	return cmd
}

// addJobConnection adds the flags by which a job command finds the chain.
func addJobConnection(cmd *cobra.Command) {
	cmd.Flags().String(flags.FlagNode, "tcp://localhost:26657", "RPC address of the chain")
	cmd.Flags().String(flags.FlagChainID, "", "id of the chain; empty takes the one of the RPC")
}

// addJobSigning adds the flags by which a job command signs. They have the names that they have in every transaction.
func addJobSigning(cmd *cobra.Command) {
	addJobConnection(cmd)
	f := cmd.Flags()
	f.String(flags.FlagFrom, "", "name or address of the key that pays")
	flags.AddKeyringFlags(f)
	f.Bool(flags.FlagUseLedger, false, "use a connected Ledger device")
	f.String(flags.FlagSignMode, "", "sign mode: direct or amino-json")
	f.String(flags.FlagGas, "", "gas limit of a transaction; empty measures it")
	f.Float64(flags.FlagGasAdjustment, flags.DefaultGasAdjustment, "factor on the measured gas")
	f.String(flags.FlagGasPrices, "", "price of gas, for example 0.01uemc")
	f.String(flags.FlagFees, "", "fees of a transaction in place of a gas price, for example 0.01emc")
	f.String(flags.FlagFeeGranter, "", "account that pays the fees by its grant")
}

// jobSession is one call of a job command.
type jobSession struct {
	ctx    context.Context
	stop   context.CancelFunc
	client *jobclient.Client
	chain  client.Context
}

// openJob connects to the chain. With signs, the key of --from must be there.
func openJob(cmd *cobra.Command, signs, logsToErr bool) (*jobSession, error) {
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	s := &jobSession{ctx: ctx, stop: stop}
	if err := s.open(cmd, signs, logsToErr); err != nil {
		stop()
		return nil, err
	}
	return s, nil
}

func (s *jobSession) open(cmd *cobra.Command, signs, logsToErr bool) error {
	if uri, _ := cmd.Flags().GetString(flags.FlagNode); strings.HasPrefix(uri, "emc1") {
		return fmt.Errorf("--node is the RPC address of the chain; to choose the machine that runs the job, use --worker %s", uri)
	}
	chain, err := client.ReadPersistentCommandFlags(client.GetClientContextFromCmd(cmd), cmd.Flags())
	if err != nil {
		return err
	}
	chain = chain.WithCmdContext(s.ctx).WithSimulation(false).WithSkipConfirmation(true)
	if chain, err = identifyChain(s.ctx, chain); err != nil {
		return err
	}
	var wallet jobclient.Wallet
	if signs {
		if chain, wallet, err = openWallet(cmd, chain); err != nil {
			return err
		}
	}
	console := &jobclient.Console{Words: cmd.ErrOrStderr(), Log: cmd.OutOrStdout(), WordsTerminal: isTerminal(os.Stderr), LogTerminal: isTerminal(os.Stdout)}
	if logsToErr {
		console.Log, console.LogTerminal = console.Words, console.WordsTerminal
	}
	s.chain = chain
	s.client = jobclient.New(jobclient.NewChain(chain), wallet, jobclient.NewStore(filepath.Join(chain.HomeDir, jobFolders)), console)
	return nil
}

// identifyChain asks the RPC which chain it serves: a signature for another chain would be refused with words that help
// nobody.
func identifyChain(ctx context.Context, chain client.Context) (client.Context, error) {
	node, err := chain.GetNode()
	if err != nil {
		return chain, err
	}
	status, err := node.Status(ctx)
	if err != nil {
		return chain, fmt.Errorf("no chain answers at %s: start one (`emcd localnet start`) or give its RPC address with --node (%w)", chain.NodeURI, err)
	}
	if chain.ChainID != "" && chain.ChainID != status.NodeInfo.Network {
		return chain, fmt.Errorf("the chain at %s is %s, this home is configured for %s: give another --node, --chain-id or --home", chain.NodeURI, status.NodeInfo.Network, chain.ChainID)
	}
	return chain.WithChainID(status.NodeInfo.Network), nil
}

// openWallet finds the key of --from.
func openWallet(cmd *cobra.Command, chain client.Context) (client.Context, jobclient.Wallet, error) {
	f := cmd.Flags()
	from, _ := f.GetString(flags.FlagFrom)
	if from == "" && chain.KeyringDefaultKeyName == "" {
		return chain, nil, errors.New("--from is missing: the name or address of the key that pays; `emcd keys list` shows the keys")
	}
	if granter, _ := f.GetString(flags.FlagFeeGranter); granter != "" {
		address, err := sdk.AccAddressFromBech32(granter)
		if err != nil {
			return chain, nil, fmt.Errorf("--fee-granter: %w", err)
		}
		chain = chain.WithFeeGranterAddress(address)
	}
	address, name, kind, err := client.GetFromFields(chain, chain.Keyring, from)
	if err != nil {
		return chain, nil, fmt.Errorf("--from %s: %s; `emcd keys list` shows the keys of this home", from, jobclient.Plain(err.Error()))
	}
	mode, _ := f.GetString(flags.FlagSignMode)
	if kind == keyring.TypeLedger && mode == "" {
		mode = flags.SignModeLegacyAminoJSON // the Cosmos app of a Ledger shows nothing else
	}
	ledger, _ := f.GetBool(flags.FlagUseLedger)
	chain = chain.WithFrom(from).WithFromAddress(address).WithFromName(name).WithSignModeStr(mode).WithUseLedger(ledger)
	factory, err := tx.NewFactoryCLI(chain, f)
	if err != nil {
		return chain, nil, err
	}
	return chain, jobclient.NewWallet(chain, factory), nil
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// exitJob gives the errors of a job their own exit status. The program's main knows only success and failure.
func exitJob(cmd *cobra.Command, err error) error {
	code := jobclient.ExitCode(err)
	if code <= 1 {
		return err
	}
	if !errors.Is(err, jobclient.ErrLeft) { // how to come back has been said
		cmd.PrintErrln("Error:", err.Error())
	}
	os.Exit(code)
	return err
}
