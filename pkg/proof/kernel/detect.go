package kernel

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// list is found once: what this processor has and what agrees with pure Go on it.
var list = sync.OnceValue(func() []Kernel {
	return append(slices.DeleteFunc(present(), func(k Kernel) bool { return SelfTest(k) != nil }), portable{})
})

// All lists the kernels that work on this machine, the fastest first. Each was
// held against pure Go on this very processor, and pure Go is the last.
func All() []Kernel { return slices.Clone(list()) }

// Best is the fastest kernel of this machine.
func Best() Kernel { return list()[0] }

// Portable is the kernel in pure Go.
func Portable() Kernel { return portable{} }

// Named finds a kernel by its name; "auto" is the fastest.
func Named(name string) (Kernel, error) {
	if name == "auto" {
		return Best(), nil
	}
	names := []string{"auto"}
	for _, k := range list() {
		if k.Name() == name {
			return k, nil
		}
		names = append(names, k.Name())
	}
	return nil, fmt.Errorf("this machine has no kernel %q; it has %s", name, strings.Join(names, ", "))
}
