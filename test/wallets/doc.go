// Package wallets signs every message of the project's modules as web wallets
// do, with CosmJS in direct and in amino mode, and sends it to a live node over
// RPC and REST as a web page has to. The wallet is js/, which docs/wallets.md
// explains to authors of wallets.
//
// The messages come from the chain: each is sent with all that may be zero left
// zero, and with everything filled; so far as the values make no sense the module
// itself has to refuse them, never the check of signatures or the decoder. Then
// lives of jobs, proofs and proposals are played in which each succeeds.
//
// It takes Node and npm, and skips without; EMC_REQUIRE_NODE=1 makes that a failure.
package wallets
