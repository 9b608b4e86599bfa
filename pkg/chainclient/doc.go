// Package chainclient speaks with an EMC chain through one CometBFT RPC
// endpoint: typed queries, new blocks, and transactions signed with a raw key
// or a keyring. It imports no keeper and no application: what it needs of the
// chain are the types of its messages.
//
// Everything takes a context. Nothing runs in the background except Watch,
// which the caller runs.
package chainclient
