package rig

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
)

// Digest is the SHA-256 of a file, in hex.
func Digest(path string) (string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
