package gateway

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// The headers by which a customer says what he wants of the network.
const (
	headerMaxUnits     = "X-EMC-Max-Units"
	headerMaxPrice     = "X-EMC-Max-Price"
	headerRegion       = "X-EMC-Region"
	headerMinIsolation = "X-EMC-Min-Isolation"
	headerMinPower     = "X-EMC-Min-Power"
	headerDebug        = "X-EMC-Debug"
	headerStream       = "X-EMC-Stream"
)

// The headers of answers.
const (
	headerNode      = "X-EMC-Node"
	headerCost      = "X-EMC-Cost"
	headerRoute     = "X-EMC-Route"
	headerCache     = "X-EMC-Cache"
	headerRequestID = "X-Request-Id"
)

var region = regexp.MustCompile(`^[A-Z]{2}(-[A-Z0-9]{1,3})?$`)

// terms are what the headers say.
type terms struct {
	units, price uint64 // 0: not said
	region       string
	isolation    uint32
	power        uint64
	debug        bool
	stream       bool // pass the answer on as it comes, whatever its type
	noStore      bool
}

func readTerms(h http.Header) (t terms, err error) {
	number := func(name string, bits int) (n uint64) {
		if h.Get(name) == "" || err != nil {
			return 0
		}
		n, bad := strconv.ParseUint(h.Get(name), 10, bits)
		if bad != nil {
			err = wrongValue(name, "an integer from 0")
		}
		return n
	}
	t.units, t.price = number(headerMaxUnits, 64), number(headerMaxPrice, 64)
	t.isolation, t.power = uint32(number(headerMinIsolation, 32)), number(headerMinPower, 64)
	if err != nil {
		return t, err
	}
	for name, n := range map[string]uint64{headerMaxUnits: t.units, headerMaxPrice: t.price} {
		if h.Get(name) != "" && n == 0 {
			return t, wrongValue(name, "a positive integer")
		}
	}
	if t.region = h.Get(headerRegion); t.region != "" && !region.MatchString(t.region) {
		return t, wrongValue(headerRegion, "a country such as DE, or a part of one such as US-CA")
	}
	t.debug, t.stream = h.Get(headerDebug) == "1", h.Get(headerStream) == "1"
	for _, part := range strings.Split(strings.Join(h.Values("Cache-Control"), ","), ",") {
		t.noStore = t.noStore || strings.EqualFold(strings.TrimSpace(part), "no-store")
	}
	return t, nil
}
