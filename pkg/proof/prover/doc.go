// Package prover does the work of a window: it multiplies as many rounds of the
// standard task as it can, on all cores, commits to them, and opens what is drawn.
//
// Cores work in teams of up to eight, each on a round of its own. A team packs
// all of B once, together; then each core takes one block of rows of A after the
// other, packs it into its own cache, multiplies it by every panel of B and hashes
// the leaves. Nobody waits at the end of a round: whoever finds no block left
// packs B of the next round, into a second buffer.
//
// Memory: Footprint tells it beforehand, and Reserve makes it before a window
// opens. Besides operands, the leaves of all rounds are kept while they fit into
// Config.Memory; of later rounds only the root is, and what is drawn of them is
// multiplied again when it has to be opened.
package prover
