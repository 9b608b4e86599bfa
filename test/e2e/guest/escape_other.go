//go:build !wasip1

package main

import "errors"

func escape(string) error { return errors.New("only a wasm guest has a fence to try") }
