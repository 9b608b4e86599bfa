// Package e2e holds black-box tests: the built binaries, driven as people drive
// them, killed at every step, and the money counted after each.
//
// They run on real time with short windows (see config), and are left out
// under `go test -short`. EMC_E2E_BIN names a folder with binaries to test in
// place of a fresh build.
package e2e
