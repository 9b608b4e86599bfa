package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/pelletier/go-toml/v2"

	"github.com/edgematrix/emc/pkg/amount"
	"github.com/edgematrix/emc/pkg/receipt"
	"github.com/edgematrix/emc/pkg/settings"
)

// Service is one app that the node answers calls of: a program of the chain's
// registry, or an HTTP server that already runs on this machine.
type Service struct {
	App string `toml:"app"`
	// UnitPrice and CallPrice, such as "10uemc": of one unit (a token, a page), and of a call in any case.
	UnitPrice string `toml:"unit_price"`
	CallPrice string `toml:"call_price"`
	// Unit says how units are counted: tokens, calls, or kib of the answer.
	Unit string `toml:"unit"`
	// Args and Inputs of a program: it finds the inputs in /in, by their names.
	Args   []string `toml:"args"`
	Inputs []string `toml:"inputs"`
	Memory string   `toml:"memory"`
	// URL of a server instead, and the name that it has for the model.
	URL   string `toml:"url"`
	Model string `toml:"model"`
	// Paths are what of that server may be asked, as "POST /path"; none: what OpenAI's API computes.
	Paths []string `toml:"paths"`
	// Processes answer at once, Queue calls wait; an idle process is stopped after Idle.
	Processes int    `toml:"processes"`
	Queue     int    `toml:"queue"`
	Idle      string `toml:"idle"`
}

// The ways to count units.
const (
	UnitTokens = "tokens"
	UnitCalls  = "calls"
	UnitKiB    = "kib"
)

// DefaultService is a service of which only the app, its price and what runs it are told.
func DefaultService() Service {
	return Service{CallPrice: "0uemc", Unit: UnitTokens, Args: []string{}, Inputs: []string{}, Paths: []string{}, Memory: "512MiB", Processes: 1, Queue: 16, Idle: "15m"}
}

const maxServices = 64

// LoadServices reads services.toml; there are none where there is no file.
func LoadServices(path string) ([]Service, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	services, err := ParseServices(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return services, nil
}

// ParseServices reads the file's bytes. A key that nobody knows is an error.
func ParseServices(data []byte) ([]Service, error) {
	decoder := toml.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var file struct {
		Service []Service `toml:"service"`
	}
	if err := decoder.Decode(&file); err != nil {
		var unknown *toml.StrictMissingError
		if errors.As(err, &unknown) {
			return nil, fmt.Errorf("unknown setting %s; correct or remove it", strings.Join(unknown.Errors[0].Key(), "."))
		}
		return nil, fmt.Errorf("not valid TOML: %w", err)
	}
	var set struct {
		Service []map[string]any `toml:"service"`
	}
	if err := toml.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("not valid TOML: %w", err)
	}
	for i := range file.Service {
		file.Service[i].fill(set.Service[i])
	}
	return file.Service, ValidateServices(file.Service)
}

// fill puts the defaults where nothing was set.
func (s *Service) fill(set map[string]any) {
	d := DefaultService()
	for key, fill := range map[string]func(){
		"call_price": func() { s.CallPrice = d.CallPrice }, "unit": func() { s.Unit = d.Unit }, "args": func() { s.Args = d.Args },
		"inputs": func() { s.Inputs = d.Inputs }, "paths": func() { s.Paths = d.Paths }, "memory": func() { s.Memory = d.Memory }, "processes": func() { s.Processes = d.Processes },
		"queue": func() { s.Queue = d.Queue }, "idle": func() { s.Idle = d.Idle },
	} {
		if _, ok := set[key]; !ok {
			fill()
		}
	}
}

// ValidateServices checks each, and that no app is there twice.
func ValidateServices(services []Service) error {
	if len(services) > maxServices {
		return fmt.Errorf("%d services, the most is %d", len(services), maxServices)
	}
	seen := map[string]bool{}
	for i, s := range services {
		if err := s.Validate(); err != nil {
			return fmt.Errorf("service %d (%q): %w", i+1, s.App, err)
		}
		if seen[s.App] {
			return fmt.Errorf("service %d: %q stands there twice", i+1, s.App)
		}
		seen[s.App] = true
	}
	return nil
}

// Validate names the first setting that is wrong.
func (s Service) Validate() error {
	if err := receipt.CheckApp(s.App); err != nil {
		return fmt.Errorf("app: %w", err)
	}
	if _, _, err := s.Prices(); err != nil {
		return err
	}
	switch s.Unit {
	case UnitTokens, UnitCalls, UnitKiB:
	default:
		return fmt.Errorf("unit: %q is none of %s, %s, %s", s.Unit, UnitTokens, UnitCalls, UnitKiB)
	}
	if s.URL != "" {
		if u, err := url.Parse(s.URL); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return fmt.Errorf("url: %q is not one such as http://127.0.0.1:8000", s.URL)
		}
		if len(s.Args)+len(s.Inputs) > 0 {
			return errors.New("url: a server that runs already takes no args and no inputs")
		}
	}
	for _, path := range s.Inputs {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("inputs: %q is not an absolute path", path)
		}
	}
	if _, err := ParseBytes(s.Memory); err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	if s.Processes < 1 || s.Processes > 256 {
		return fmt.Errorf("processes: %d is not between 1 and 256", s.Processes)
	}
	if s.Queue < 0 || s.Queue > 10_000 {
		return fmt.Errorf("queue: %d is not between 0 and 10000", s.Queue)
	}
	if d, err := time.ParseDuration(s.Idle); err != nil || d < time.Second {
		return fmt.Errorf("idle: %q is not a duration of at least a second, such as 15m", s.Idle)
	}
	return nil
}

// Prices are in uemc.
func (s Service) Prices() (unit, call uint64, err error) {
	for _, p := range []struct {
		key, text string
		into      *uint64
	}{{"unit_price", s.UnitPrice, &unit}, {"call_price", s.CallPrice, &call}} {
		coin, err := amount.ParseCoin(p.text)
		if err != nil {
			return 0, 0, fmt.Errorf("%s: %w", p.key, err)
		}
		if !coin.Amount.IsInt64() {
			return 0, 0, fmt.Errorf("%s: %s is too much", p.key, p.text)
		}
		*p.into = uint64(coin.Amount.Int64())
	}
	return unit, call, nil
}

var serviceFile = template.Must(template.New("services.toml").Funcs(template.FuncMap{
	"text": settings.Quote, "list": settings.QuoteList,
}).Parse(`# Apps that this worker answers calls of: ` + "`emc-worker service`" + ` adds and removes them. Unknown settings are refused.
{{range .}}
[[service]]
app = {{text .App}}
unit_price = {{text .UnitPrice}}
call_price = {{text .CallPrice}}
unit = {{text .Unit}}
{{- if .URL}}
url = {{text .URL}}
model = {{text .Model}}
paths = {{list .Paths}}
{{- else}}
args = {{list .Args}}
inputs = {{list .Inputs}}
memory = {{text .Memory}}
{{- end}}
processes = {{.Processes}}
queue = {{.Queue}}
idle = {{text .Idle}}
{{end}}`))

// WriteServices replaces the file, in one step.
func WriteServices(path string, services []Service) error {
	if err := ValidateServices(services); err != nil {
		return err
	}
	var text strings.Builder
	if err := serviceFile.Execute(&text, services); err != nil {
		return err
	}
	temporary := path + ".new"
	if err := os.WriteFile(temporary, []byte(text.String()), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
