package config

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
)

var bytesPattern = regexp.MustCompile(`^([0-9]{1,15})\s*([KMGT]iB|B)?$`)

// ParseBytes reads a size such as 512MiB, 32GiB or 1048576, in bytes. It must
// be more than zero.
func ParseBytes(s string) (int64, error) {
	m := bytesPattern.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("%q is not a size; write for example 512MiB or 32GiB", s)
	}
	shift := map[string]uint{"": 0, "B": 0, "KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40}[m[2]]
	n, err := strconv.ParseInt(m[1], 10, 64)
	if err != nil || n > math.MaxInt64>>shift {
		return 0, fmt.Errorf("%q is too large", s)
	}
	if n == 0 {
		return 0, fmt.Errorf("%q must be more than zero", s)
	}
	return n << shift, nil
}
