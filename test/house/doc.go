// Package house holds the rules of the house as failing checks: which package
// may import which, what state code must not contain, and that every package
// says what it is for.
package house
