package rig

import (
	"flag"
	"strconv"
)

// SideBySide lets so many tests of a package run at once, whatever the number of
// processors, unless the command line says how many. It comes after flag.Parse.
// Tests of networks wait for blocks and windows more than they compute.
func SideBySide(tests int) error {
	const name = "test.parallel"
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == name })
	if given {
		return nil
	}
	return flag.Set(name, strconv.Itoa(tests))
}
