// Command openapi merges the descriptions of single services into one document,
// with the package as tag and unique operation names.
package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// document is a Swagger 2.0 file, as far as merging looks into it.
type document struct {
	Swagger     string                          `json:"swagger"`
	Info        map[string]string               `json:"info"`
	Consumes    []string                        `json:"consumes"`
	Produces    []string                        `json:"produces"`
	Paths       map[string]map[string]operation `json:"paths"`
	Definitions map[string]json.RawMessage      `json:"definitions"`
}

type operation map[string]any

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: openapi FOLDER OUTPUT: merges every *.swagger.json of FOLDER")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "openapi:", err)
		os.Exit(1)
	}
}

func run(folder, output string) error {
	merged := document{
		Swagger: "2.0",
		Info: map[string]string{
			"title":       "EMC REST API",
			"version":     "v1",
			"description": "Queries of the EMC chain, and the broadcast of transactions.",
		},
		Consumes: []string{"application/json"}, Produces: []string{"application/json"},
		Paths: map[string]map[string]operation{}, Definitions: map[string]json.RawMessage{},
	}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".swagger.json") {
			return err
		}
		relative, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		return merged.add(path, strings.ReplaceAll(filepath.Dir(relative), string(filepath.Separator), "."))
	})
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(merged, "", " ")
	if err != nil {
		return err
	}
	fmt.Printf("openapi: %d paths, %d definitions\n", len(merged.Paths), len(merged.Definitions))
	return os.WriteFile(output, append(text, '\n'), 0o644)
}

// add merges one file, whose services belong to a package.
func (d *document) add(path, pkg string) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var one document
	if err := json.Unmarshal(raw, &one); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	for route, methods := range one.Paths {
		if _, twice := d.Paths[route]; twice {
			return fmt.Errorf("%s: the route %s is described twice", path, route)
		}
		for _, op := range methods {
			op["tags"] = []string{pkg}
			if id, ok := op["operationId"].(string); ok {
				op["operationId"] = strings.ReplaceAll(pkg, ".", "_") + "_" + id
			}
		}
		d.Paths[route] = methods
	}
	for name, definition := range one.Definitions {
		d.Definitions[name] = definition
	}
	return nil
}
