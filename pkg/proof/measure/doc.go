// Package measure tells how fast this machine proves, and how near that is to
// what its multiplication units can do at all. The ceiling is measured in turns
// with the work itself, since a machine's clock moves with what else it does.
package measure
