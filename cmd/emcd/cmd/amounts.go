package cmd

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/edgematrix/emc/pkg/amount"
)

// amountFlags are the flags of the SDK's commands that hold amounts as text.
// AutoCLI's own flags know their type and need no list.
func amountFlags() []string {
	return []string{
		"fees", "amount", "deposit", "spend-limit", "period-limit", "limit", "tip",
		"vesting-amount", "min-initial-deposit", "max-price", "initial-deposit",
	}
}

// priceFlags hold prices per unit of gas.
func priceFlags() []string { return []string{"gas-prices", "minimum-gas-prices"} }

// placeholder finds the arguments that a usage line calls an amount.
var placeholder = regexp.MustCompile(`(?i)amount|coin|deposit`)

// usageWords splits a usage line; "[to_1 to_2 ...]" is one word of it.
var usageWords = regexp.MustCompile(`\[[^\]]*\](?:\S*)|\S+`)

// normalizeAmounts rewrites the amounts of a command into the chain's unit,
// before the command sees them. This is the one place that all commands share,
// whoever wrote them: the SDK's older ones parse amounts themselves, and would
// cut 0.0000001emc down to nothing.
func normalizeAmounts(cmd *cobra.Command, args []string) error {
	for _, name := range amountFlags() {
		if err := rewriteFlag(cmd, name, func(s string) (string, error) {
			coins, err := amount.ParseCoins(s)
			if err != nil {
				return "", err
			}
			if coins.Empty() {
				return s, nil // "0emc" stays visible to commands that demand a value
			}
			return coins.String(), nil
		}); err != nil {
			return err
		}
	}
	for _, name := range priceFlags() {
		if err := rewriteFlag(cmd, name, func(s string) (string, error) {
			prices, err := amount.ParsePrices(s)
			if err != nil || prices.Empty() {
				return s, err
			}
			return prices.String(), nil
		}); err != nil {
			return err
		}
	}
	if isSetting(cmd) {
		return nil
	}
	for i, arg := range args {
		if !amount.Looks(arg) && !namedAmount(cmd, i, len(args)) {
			continue
		}
		text, err := rewriteArg(arg)
		if err != nil {
			return err
		}
		args[i] = text
	}
	return nil
}

// rewriteArg returns a positional amount in the chain's unit.
func rewriteArg(arg string) (string, error) {
	if !strings.Contains(arg, ",") {
		coin, err := amount.ParseCoin(arg)
		if err != nil {
			return "", err
		}
		return coin.String(), nil
	}
	coins, err := amount.ParseCoins(arg)
	if err != nil {
		return "", err
	}
	return coins.String(), nil
}

// rewriteFlag replaces the value of a text flag that was given.
func rewriteFlag(cmd *cobra.Command, name string, rewrite func(string) (string, error)) error {
	f := cmd.Flags().Lookup(name)
	if f == nil || !f.Changed || f.Value.Type() != "string" || f.Value.String() == "" {
		return nil
	}
	text, err := rewrite(f.Value.String())
	if err != nil {
		return fmt.Errorf("--%s: %w", name, err)
	}
	return f.Value.Set(text)
}

// namedAmount reports whether the usage line calls argument i of n an amount. A
// repeated argument before it ("[to…] [amount]") shifts the last one only.
func namedAmount(cmd *cobra.Command, i, n int) bool {
	words := usageWords.FindAllString(cmd.Use, -1)
	if len(words) < 2 {
		return false
	}
	words = words[1:]
	if i == n-1 && n >= len(words) {
		return placeholder.MatchString(words[len(words)-1])
	}
	return i < len(words)-1 && placeholder.MatchString(words[i]) && !strings.Contains(strings.Join(words[:i+1], " "), "...")
}
