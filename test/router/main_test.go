package router

import (
	"flag"
	"os"
	"testing"
)

// TestMain lets all parallel tests go on at the same time, also on two cores: they wait for blocks more than they work.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
