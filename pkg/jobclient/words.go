package jobclient

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/power"
	"github.com/edgematrix/emc/x/compute/types"
)

// noise is what gRPC and the SDK wrap around the words of a refusal: transport codes, places in the SDK's source, and
// gas figures.
func noise() []*regexp.Regexp {
	return []*regexp.Regexp{
		regexp.MustCompile(`rpc error: code = \w+ desc = `),
		regexp.MustCompile(`failed to execute message; message index: \d+: `),
		regexp.MustCompile(`\s*\[[^\]\s]*\.go:\d+\]`),
		regexp.MustCompile(`:? ?With gas wanted: '\d*' and gas used: '\d*' ?`),
		regexp.MustCompile(` with gas used: '\d*'`),
		regexp.MustCompile(`(: (unknown request|key not found|invalid request))+$`),
	}
}

// Plain takes the machinery's wrapping off the chain's words.
func Plain(words string) string {
	for _, n := range noise() {
		words = n.ReplaceAllString(words, "")
	}
	return strings.TrimSpace(words)
}

// at is a time of the chain as a person reads it, in local time.
func at(unix int64) string { return time.Unix(unix, 0).Format("15:04:05") }

// span is a number of seconds as a person reads it.
func span(seconds uint64) string { return (time.Duration(seconds) * time.Second).String() }

// powerWords say what power a slot has and what power costs on its node.
func powerWords(slot uint64, price string) string {
	if coin, err := amount.ParseCoin(price); err == nil {
		price = amount.Format(coin)
	}
	return fmt.Sprintf("%s a slot, %s for one E for one hour", power.Format(slot), price)
}

// bytesWord is a size as a person reads it.
func bytesWord(n int64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d bytes", n)
	}
	value, prefix := float64(n)/unit, 0
	for ; value >= unit && prefix < len("KMGT")-1; prefix++ {
		value /= unit
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGT"[prefix])
}

// short is the beginning of an id by which people tell jobs apart.
func short(id string) string { return id[:min(len(id), 8)] }

// statusPhrase continues "the job": "has failed", "is running".
func statusPhrase(s types.JobStatus) string {
	switch s {
	case types.JOB_STATUS_FAILED, types.JOB_STATUS_EXPIRED, types.JOB_STATUS_FINISHED:
		return "has " + types.StatusWord(s)
	case types.JOB_STATUS_CANCELLED:
		return "was cancelled"
	default:
		return "is " + types.StatusWord(s)
	}
}

// runEnd says in words how a run ended, from its receipt; "" for a program that ended well.
func runEnd(j types.Job) string {
	if j.Receipt == nil {
		return ""
	}
	switch j.Receipt.Reason {
	case types.EXIT_REASON_EXITED:
		if j.Receipt.ExitCode == 0 {
			return ""
		}
		return fmt.Sprintf("the program ended with exit code %d; its log says why", j.Receipt.ExitCode)
	case types.EXIT_REASON_DEADLINE:
		return fmt.Sprintf("the program was stopped after the longest time that was paid for, %s; give it more with --max-time", span(j.MaxSeconds))
	case types.EXIT_REASON_MEMORY:
		return "the program was stopped at its memory limit; give it more with --memory"
	case types.EXIT_REASON_OUTPUT:
		return "the program was stopped at its limit of output bytes or files; give it more with --max-output or --max-output-files"
	default:
		return "the worker failed"
	}
}

// firstLine keeps the multi-line report of a failed dial, an address a line, out of a sentence.
func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimRight(line, ":")
}

// plain is an error in the chain's words without its machinery.
type plain struct{ error }

// Error implements error.
func (p plain) Error() string { return Plain(p.error.Error()) }

// Unwrap lets errors.Is see what it is.
func (p plain) Unwrap() error { return p.error }

// absent is a plain error about something that does not exist.
type absent struct{ plain }

// Is implements the test for ErrNotFound.
func (absent) Is(target error) bool { return target == ErrNotFound }
