package rig

import (
	"errors"
	"os"
	"path/filepath"
)

// Root is the repository's folder, found from the present one upwards.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("this is not within the repository: there is no go.mod above")
		}
		dir = up
	}
}
