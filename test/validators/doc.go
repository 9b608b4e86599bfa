// Package validators runs networks of several validators as their operators do,
// each a process of the built emcd in a home of its own, and tests what happens
// to such a network: nodes join by state sync, networks are exported and
// imported, upgraded from one build to the next, and validators sign twice,
// die, hang and are cut off. Every connection between two nodes runs through a
// link of ours that can be cut, held up and healed.
package validators
