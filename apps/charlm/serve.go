package main

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/edgematrix/emc/apps/stdhttp"
)

// service answers OpenAI's completions with a model.
type service struct {
	model   *model
	name    string // of the model, as requests name it
	created int64  // seconds since 1970, in answers: a clock would make each of them another one
}

// appEnv is the app's name in the chain's registry, as workers tell it.
const appEnv = "EMC_APP"

func serveCommand(args []string, stdin io.Reader, stdout io.Writer) error {
	s := service{}
	flags := flag.NewFlagSet("charlm serve", flag.ContinueOnError)
	weights := flags.String("weights", "", "weights that charlm train has written (required)")
	flags.StringVar(&s.name, "model", cmp.Or(os.Getenv(appEnv), "charlm"), "name of the model")
	flags.Int64Var(&s.created, "created", 0, "what answers give as their time, in seconds since 1970")
	if err := parse(flags, args, stdout); err != nil {
		return err
	}
	if s.name == "" || s.created < 0 {
		return fmt.Errorf("--model is a name, and --created not below 0: %w", errUsage)
	}
	file, err := readInput("--weights", *weights, maxWeights)
	if err != nil {
		return err
	}
	if s.model, err = decodeWeights(file); err != nil {
		return fmt.Errorf("--weights %s: %w", *weights, err)
	}
	return stdhttp.Serve(s.answer, stdin, stdout)
}

// answer is the handler of all requests.
func (s service) answer(w *stdhttp.ResponseWriter, r *stdhttp.Request) error {
	type route struct {
		method string
		answer func(w *stdhttp.ResponseWriter, r *stdhttp.Request) error
	}
	found, known := map[string]route{
		"/healthz":             {"GET", s.health},
		"/v1/models":           {"GET", s.models},
		"/v1/models/" + s.name: {"GET", s.about},
		"/v1/completions":      {"POST", s.complete},
		"/v1/chat/completions": {"POST", s.complete},
	}[r.Path]
	switch {
	case !known:
		return stdhttp.WriteError(w, stdhttp.Error{Status: 404, Message: fmt.Sprintf("Invalid URL (%s %s)", r.Method, r.Path), Code: "unknown_url"})
	case r.Method != found.method:
		return stdhttp.WriteError(w, stdhttp.Error{Status: 405, Message: fmt.Sprintf("%s is asked with %s", r.Path, found.method), Code: "method_not_supported"})
	}
	return found.answer(w, r)
}

func (s service) health(w *stdhttp.ResponseWriter, _ *stdhttp.Request) error {
	return stdhttp.WriteJSON(w, 200, map[string]string{"status": "ok"})
}

type modelObject struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

func (s service) object() modelObject { return modelObject{s.name, "model", s.created, "charlm"} }

func (s service) about(w *stdhttp.ResponseWriter, _ *stdhttp.Request) error {
	return stdhttp.WriteJSON(w, 200, s.object())
}

func (s service) models(w *stdhttp.ResponseWriter, _ *stdhttp.Request) error {
	return stdhttp.WriteJSON(w, 200, struct {
		Object string        `json:"object"`
		Data   []modelObject `json:"data"`
	}{"list", []modelObject{s.object()}})
}
