// Package beacon is the network's public randomness: each block's proposer adds
// the output of a verifiable random function (VRF) of the block's height, which he
// cannot choose, and everybody can check. It has the formats that the chain and
// a validator's node share: keys, contributions, and how one value follows from
// the last. docs/beacon.md says what it is good for, and what not.
package beacon
