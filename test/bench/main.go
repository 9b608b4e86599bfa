// Command bench measures the published figures and writes them to a file as a
// list of {name, value, unit, goal}. Timings are ratios against a reference
// measured in the same run, side by side, since machines differ and are noisy.
//
// Run it through `make bench`, which builds the binaries that it drives.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// Figure is one measured value: a number, or "not run" where this machine lacks
// what it takes. Goal is in words: "<= 2".
type Figure struct {
	Name  string `json:"name"`
	Value any    `json:"value"`
	Unit  string `json:"unit"`
	Goal  string `json:"goal"`
}

func main() {
	out := flag.String("out", "build/bench.json", "file to write")
	bin := flag.String("bin", "build", "folder with emcd, emc-worker, emc-router and charlm.wasm")
	only := flag.String("only", "", "run one group: chain, wasm, docker, live, tps, proof, poc, market, socket, router or mesh")
	flag.Parse()
	if err := run(*out, *bin, *only); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(out, bin, only string) error {
	groups := []struct {
		name    string
		measure func(bin string) ([]Figure, error)
	}{
		{"chain", func(string) ([]Figure, error) { return chainFigures() }},
		{"wasm", wasmFigures},
		{"docker", dockerFigures},
		{"live", liveFigures},
		{"tps", tpsFigures},
		{"proof", proofFigures},
		{"poc", func(string) ([]Figure, error) { return pocFigures() }},
		{"market", func(string) ([]Figure, error) { return marketFigures() }},
		{"socket", func(string) ([]Figure, error) { return socketFigures() }},
		{"router", routerFigures},
		{"mesh", func(string) ([]Figure, error) { return meshFigures() }},
		{"mesh", meshPathFigures},
		{"mesh", failoverFigures},
	}
	var figures []Figure
	for _, g := range groups {
		if only != "" && only != g.name {
			continue
		}
		fmt.Printf("%s …\n", g.name)
		got, err := g.measure(bin)
		if err != nil {
			return fmt.Errorf("%s: %w", g.name, err)
		}
		for _, f := range got {
			value := fmt.Sprint(f.Value)
			if number, ok := f.Value.(float64); ok {
				value = fmt.Sprintf("%.3f", number)
				if number < 0.001 {
					value = fmt.Sprintf("%.2g", number)
				}
			}
			fmt.Printf("  %-40s %10s %-8s goal %s\n", f.Name, value, f.Unit, f.Goal)
		}
		figures = append(figures, got...)
	}
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false) // goals have a "<" that people read
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(figures); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		return err
	}
	return os.WriteFile(out, data.Bytes(), 0o644)
}
