// Command charlm trains a small neural language model on any UTF-8 text and generates text from it.
//
// It is an app for EMC workers: plain Go that compiles to WebAssembly (GOOS=wasip1 GOARCH=wasm) and needs only a
// folder for inputs, one for outputs, and one core. The same input and flags give the same bytes on every machine.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // bad input or output
	exitUsage  = 2 // bad command line
	exitMargin = 3 // trained and written, but not better than the baseline by --min-margin
)

const usage = `charlm trains a character-level neural language model on a text, and writes text with it.

  charlm train    --input FILE   [--out FILE] [--steps N] [--seed N] [--min-margin NATS]
  charlm generate --weights FILE [--out FILE] [--length N] [--prompt TEXT] [--temperature T] [--seed N]
  charlm serve    --weights FILE [--model NAME] [--created SECONDS]
  charlm help

train prints the loss (nats for each character, lower is better) as it falls and writes the weights to
/out/weights.bin. Its last line is RESULT and a JSON object, which compares the model with a bigram model on the
last tenth of the text; neither has seen that tenth. generate prints text and writes it to /out/text.txt.
serve speaks HTTP/1.1 on its input and output: POST /v1/completions and /v1/chat/completions as OpenAI has them (also with
"stream"), GET /v1/models, GET /healthz. A token is a character, and a chat is continued as plain text: the model knows no roles.
"charlm train -h" and so on explain the flags.

Exit codes: 0 done; 1 bad input or output; 2 bad command line; 3 the model was trained and written, but beats the
bigram model by less than --min-margin.
`

var (
	errUsage  = errors.New("run `charlm help` for the command line")
	errMargin = errors.New("margin missed")
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run executes one command line and returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	err := dispatch(args, stdout, stderr)
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	}
	fmt.Fprintln(stderr, "charlm:", err)
	switch {
	case errors.Is(err, errUsage):
		return exitUsage
	case errors.Is(err, errMargin):
		return exitMargin
	default:
		return exitFailed
	}
}

func dispatch(args []string, stdout, stderr io.Writer) error {
	if len(args) == 0 {
		return fmt.Errorf("expected a command: %w", errUsage)
	}
	switch args[0] {
	case "train":
		return trainCommand(args[1:], stdout, stderr)
	case "generate":
		return generateCommand(args[1:], stdout, stderr)
	case "serve":
		return serveCommand(args[1:], os.Stdin, stdout)
	case "help", "-h", "-help", "--help":
		_, err := io.WriteString(stdout, usage)
		return err
	default:
		return fmt.Errorf("unknown command %q: %w", args[0], errUsage)
	}
}

// parse reads the flags of one command and refuses anything beyond them.
func parse(flags *flag.FlagSet, args []string, stdout io.Writer) error {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(stdout)
		flags.Usage()
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", err, errUsage)
	case flags.NArg() > 0:
		return fmt.Errorf("unexpected argument %q: %w", flags.Arg(0), errUsage)
	}
	return nil
}
