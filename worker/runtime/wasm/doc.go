// Package wasm runs WebAssembly programs (wasip1) in wazero's compiler, each
// in a supervised child process of its own: the worker's embedded default
// runtime, which needs no installation.
//
// The parent (Runtime.Run) starts the worker's own binary again with a hidden
// subcommand, hands it one job on its standard input, and kills it when the
// deadline passes. The child (Child) compiles the program, or takes it from
// the compilation cache, and runs it. It shows the program no host directory:
// /in and /out are file systems of this package (inFS, outFS), with clock,
// random source and sleep replaced by deterministic ones, so that a program
// computes the same bytes everywhere. There is no network.
//
// A program that breaks out of WebAssembly would still find itself in a
// process with an empty environment, rlimits, and, where the kernel has them,
// a Landlock and a seccomp fence.
//
// Not covered by the promise of equal bytes: the bit pattern of a NaN, which
// WebAssembly leaves to the processor, and runs that a limit ended.
package wasm
