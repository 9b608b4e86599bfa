package chainclient

import (
	"regexp"
	"strings"
)

// Around the chain's own words stand those of the layers that carried them.
var (
	carriers = regexp.MustCompile(`^(rpc error: code = \w+ desc = |failed to execute message; message index: \d+: )+`)
	trailer  = regexp.MustCompile(` \[[^\]]*\.go:\d+\]( with gas used: '\d+')?(: unknown request)?|( with gas used: '\d+')(: unknown request)?`)
)

// Words are the chain's own words in an error.
func Words(text string) string {
	text = carriers.ReplaceAllString(strings.TrimSpace(text), "")
	return trailer.ReplaceAllString(text, "")
}

// refusal is an answer of the chain, in its own words.
type refusal struct{ error }

func (r refusal) Error() string { return Words(r.error.Error()) }
func (r refusal) Unwrap() error { return r.error }
