package cmd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/edgematrix/emc/pkg/identity"
	"github.com/edgematrix/emc/worker/config"
)

func exportCmd() *cobra.Command {
	var file, recipient, passphraseFile string
	cmd := &cobra.Command{
		Use: "export", Short: "Write the node's key into an encrypted file",
		Long: `Encrypt the node's key with a passphrase, or to an age recipient, to keep it safe or to move the node to another
machine. The passphrase is asked for, or read from --passphrase-file or EMC_WORKER_PASSPHRASE.

Never run two workers with one key at the same time.`,
		Example: "  emc-worker export --out node.age\n  emc-worker export --recipient age1… --out node.age",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := homeOf(cmd)
			if err != nil {
				return err
			}
			id, err := identity.Load(h.Key())
			if err != nil {
				return err
			}
			var data []byte
			if recipient != "" {
				data, err = id.ExportTo(recipient)
			} else {
				var secret string
				if secret, err = passphrase(cmd, passphraseFile, true); err == nil {
					data, err = id.Export(secret)
				}
			}
			if err != nil {
				return err
			}
			if err := writeNew(file, data); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "the key of node %s is in %s\n", id.Address(), file)
			return nil
		},
	}
	cmd.Flags().StringVar(&file, "out", "node_key.age", "the file to write; it must not exist")
	cmd.Flags().StringVar(&recipient, "recipient", "", "an age recipient (age1…) instead of a passphrase")
	cmd.Flags().StringVar(&passphraseFile, "passphrase-file", "", "read the passphrase from the first line of a file")
	return cmd
}

func importCmd() *cobra.Command {
	var passphraseFile string
	cmd := &cobra.Command{
		Use: "import FILE", Short: "Bring a node's key from an encrypted file",
		Long: `Decrypt a file that export wrote and make it the key of this home. A key that is there is not overwritten.
The secret is the passphrase, or an age identity (AGE-SECRET-KEY-1…), and is read as with export.`,
		Example: "  emc-worker import node.age --home /var/lib/emc-worker",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := homeOf(cmd)
			if err != nil {
				return err
			}
			if _, err := os.Lstat(h.Key()); err == nil {
				return fmt.Errorf("%s exists already and is not overwritten; give another --home", h.Key())
			}
			data, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			secret, err := passphrase(cmd, passphraseFile, false)
			if err != nil {
				return err
			}
			id, err := identity.Import(data, secret)
			if err != nil {
				return err
			}
			if err := h.Make(); err != nil {
				return err
			}
			if err := id.Create(h.Key()); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "node %s\n", id.Address())
			if _, err := os.Stat(h.Config()); err != nil {
				fmt.Fprintln(cmd.OutOrStdout(), "Next: emc-worker init, which keeps this key")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&passphraseFile, "passphrase-file", "", "read the secret from the first line of a file")
	return cmd
}

func passphrase(cmd *cobra.Command, file string, twice bool) (string, error) {
	if file != "" {
		data, err := os.ReadFile(file)
		line, _, _ := strings.Cut(string(data), "\n")
		return strings.TrimRight(line, "\r"), err
	}
	if secret := os.Getenv(config.EnvPrefix + "PASSPHRASE"); secret != "" {
		return secret, nil
	}
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		line, err := bufio.NewReader(io.LimitReader(cmd.InOrStdin(), 4096)).ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", errors.Join(errors.New("no passphrase: give --passphrase-file, EMC_WORKER_PASSPHRASE, or a line on standard input"), ignoreEOF(err))
		}
		return line, nil
	}
	ask := func(prompt string) (string, error) {
		fmt.Fprint(cmd.ErrOrStderr(), prompt)
		secret, err := term.ReadPassword(int(in.Fd()))
		fmt.Fprintln(cmd.ErrOrStderr())
		return string(secret), err
	}
	first, err := ask("Passphrase: ")
	if err != nil || !twice {
		return first, err
	}
	second, err := ask("The same again: ")
	if err == nil && first != second {
		err = errors.New("the two passphrases differ")
	}
	return first, err
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists already and is not overwritten; choose another --out", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}
