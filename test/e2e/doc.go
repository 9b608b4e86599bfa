// Package e2e holds black-box tests: the built binaries, driven as people drive
// them, killed at every step, and the money counted after each.
//
// Most tests run twice, with the same program as a wasm module and in a
// container. Without a Docker Engine those of containers skip with a line each;
// EMC_REQUIRE_DOCKER=1 makes them fail. Those that kill an Engine start one of
// their own, which takes root and dockerd.
//
// They run on real time with short windows (see config), and are left out
// under `go test -short`. EMC_E2E_BIN names a folder with binaries to test in
// place of a fresh build.
package e2e
