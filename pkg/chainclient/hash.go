package chainclient

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

func hexHash(s string) ([]byte, error) {
	raw, err := hex.DecodeString(s)
	if err != nil || len(raw) != sha256.Size {
		return nil, fmt.Errorf("a transaction hash has 64 hex characters, got %.80q", s)
	}
	return raw, nil
}
