// Package stdhttp is HTTP/1.1 on a program's standard input and output, one
// request after the other: how an app of this network serves without a network,
// in WebAssembly as in a container.
//
// It has its own small parser: net/http with its TLS would make a WebAssembly
// module larger by some 6 MB, which every node compiles.
package stdhttp
