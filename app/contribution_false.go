//go:build emc_false_beacon

package app

import "github.com/edgematrix/emc/pkg/beacon"

// proveHeight is false here: test/validators builds an emcd with the tag, to show
// that a network goes on without such a validator.
func proveHeight(key *beacon.Key, input []byte) []byte {
	proof := key.Prove(input)
	proof[len(proof)-1] ^= 1
	return proof
}
