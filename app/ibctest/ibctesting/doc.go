// Package ibctesting is empty: it is where the compiler finds ibc-go's testing
// harness, by an overlay that TestIBC makes from the module that go.mod names.
package ibctesting
