package service

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/edgematrix/emc/worker/runtime"
)

// Meter is how the units of an answer are counted.
type Meter string

// The meters.
const (
	// MeterTokens counts what an OpenAI API says: usage.total_tokens of an answer. A
	// stream pays one for each chunk with content as it passes, and at its end what
	// its usage has beyond that.
	MeterTokens Meter = "tokens"
	// MeterCalls counts one for each call.
	MeterCalls Meter = "calls"
	// MeterKiB counts one for each KiB of an answer that is begun.
	MeterKiB Meter = "kib"
)

// Config is one app that this node answers calls of: with Runtime and Task a
// program, with URL a server that runs already.
type Config struct {
	App string
	// UnitPrice and CallPrice are what a unit and a call cost, uemc.
	UnitPrice, CallPrice uint64
	// Unit is MeterTokens when empty.
	Unit Meter

	// Runtime runs Task as a service. Its id is the beginning of the processes' ids,
	// and its log receives the standard error of all of them.
	Runtime runtime.Server
	Task    runtime.Task

	// URL is where the server's paths begin, such as http://127.0.0.1:8000.
	URL string
	// Model replaces the model that requests name, as the server knows it. Answers
	// get the app's name back where they are counted in tokens.
	Model string
	// Paths are what of a server customers may ask, as METHOD /path. Without them it
	// is OpenAI's inference; other meters than MeterTokens need them. Everything
	// else that a server can do, such as to load and delete models, is its operator's.
	Paths []string

	// Processes is how many calls are answered at once, 1 when zero: for a program
	// it is how many processes there are at most.
	Processes int
	// Queue is how many calls wait beyond these, none when zero. A session takes at
	// most half of the places.
	Queue int
	// Idle is after what time without a call a process is stopped, 10 minutes when
	// zero. The next call starts one.
	Idle time.Duration
	// Health is between two checks of a server or of an idle process, 30 seconds
	// when zero.
	Health time.Duration
	// Start is how long a process may take until it answers its first question, 5
	// minutes when zero.
	Start time.Duration
	// Patience is how long an answer may say nothing, at its beginning or in the
	// middle, 2 minutes when zero.
	Patience time.Duration
	// MaxAnswer bounds an answer in bytes, 64 MiB when zero.
	MaxAnswer int64
}

// ErrConfig means a service that cannot be.
var ErrConfig = errors.New("wrong service")

// inference is what a server of an OpenAI API is asked for.
var inference = []string{"POST /v1/chat/completions", "POST /v1/completions", "POST /v1/embeddings", "GET /v1/models"}

func (c Config) withDefaults() (Config, error) {
	wrong := func(format string, args ...any) (Config, error) {
		return c, fmt.Errorf("%w: app %q: %s", ErrConfig, c.App, fmt.Sprintf(format, args...))
	}
	if c.Unit == "" {
		c.Unit = MeterTokens
	}
	if c.Processes == 0 {
		c.Processes = 1
	}
	setDefault(&c.Idle, 10*time.Minute)
	setDefault(&c.Health, 30*time.Second)
	setDefault(&c.Start, 5*time.Minute)
	setDefault(&c.Patience, 2*time.Minute)
	if c.MaxAnswer == 0 {
		c.MaxAnswer = 64 << 20
	}
	switch {
	case c.App == "":
		return wrong("it has no name")
	case !slices.Contains([]Meter{MeterTokens, MeterCalls, MeterKiB}, c.Unit):
		return wrong("its unit %q is none of tokens, calls and kib", c.Unit)
	case c.Processes < 0 || c.Queue < 0 || c.MaxAnswer < 0 || min(c.Idle, c.Health, c.Start, c.Patience) < 0:
		return wrong("a number of it is negative")
	case (c.Runtime == nil) == (c.URL == ""):
		return wrong("it needs a program or a URL, and not both")
	case c.URL == "" && (c.Model != "" || len(c.Paths) > 0):
		return wrong("a model and paths go with a URL")
	case c.URL == "":
		if err := runtime.ValidateService(c.Task); err != nil {
			return wrong("%v", err)
		}
		return c, nil
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return wrong("%q is no address such as http://127.0.0.1:8000", c.URL)
	}
	// As these servers' own pages give it.
	c.URL = strings.TrimSuffix(strings.TrimSuffix(c.URL, "/"), "/v1")
	if len(c.Paths) == 0 && c.Unit == MeterTokens {
		c.Paths = inference
	}
	if len(c.Paths) == 0 {
		return wrong("say with paths what of %s customers may ask, such as POST /v1/images", c.URL)
	}
	for _, p := range c.Paths {
		if method, path, found := strings.Cut(p, " "); !found || method == "" || !strings.HasPrefix(path, "/") {
			return wrong("the path %q is not as POST /v1/images", p)
		}
	}
	return c, nil
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}
