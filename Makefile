# Everything a person does with this repository. `make` alone lists it.
SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := help
export CGO_ENABLED := 0

BUILD   := build
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w \
  -X github.com/cosmos/cosmos-sdk/version.Name=emc \
  -X github.com/cosmos/cosmos-sdk/version.AppName=emcd \
  -X github.com/cosmos/cosmos-sdk/version.Version=$(VERSION) \
  -X github.com/cosmos/cosmos-sdk/version.Commit=$(COMMIT)
INPUT   ?=
FUZZTIME ?= 10s

help: ## List the targets
	@grep -hE '^[a-z][a-z0-9-]*:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-15s %s\n", $$1, $$2}'

build: emcd emc-worker emc-router charlm ## Build emcd, emc-worker, emc-router and the charlm app into build/

emcd:
	@mkdir -p $(BUILD)
	go build -ldflags '$(LDFLAGS)' -o $(BUILD)/emcd ./cmd/emcd

emc-worker:
	@mkdir -p $(BUILD)
	go build -ldflags '$(LDFLAGS)' -o $(BUILD)/emc-worker ./cmd/emc-worker

emc-router:
	@mkdir -p $(BUILD)
	go build -ldflags '$(LDFLAGS)' -o $(BUILD)/emc-router ./cmd/emc-router

charlm:
	@mkdir -p $(BUILD)
	GOOS=wasip1 GOARCH=wasm go build -trimpath -ldflags '-s -w' -o $(BUILD)/charlm.wasm ./apps/charlm

demo: build ## Run the main job: a network, a worker, a paid training run, calls through a router (INPUT=path for your own text)
	scripts/demo.sh $(INPUT)

localnet: build ## Keep a local network with a worker and a router up until Ctrl-C
	scripts/localnet.sh

# The black-box packages wait for blocks and windows most of the time, and the unit tests compute: together they take
# little longer than the first alone. The windows are counted in seconds, so the unit tests get what is left over.
test: lint-proto build ## Run all tests (unit, house rules, black-box)
	@$(MAKE) --no-print-directory -j2 test-unit test-networks

test-unit test-networks: export EMC_E2E_BIN := $(CURDIR)/$(BUILD)
test-unit test-networks: export EMCD_BINARY := $(CURDIR)/$(BUILD)/emcd

# Without go test's own vet, here and below: `make lint` runs all of it.
test-unit: build ## Run the unit tests, at the lowest priority
	nice -n 19 go test -vet=off -timeout 30m $$(go list ./... | grep -v /test/)

# One package after another: each brings up whole networks, as many at once as the machine bears. test/e2e is the last:
# its hostile containers take all that there is of the machine, and the unit tests are done by then.
test-networks: build ## Run the house rules and the black-box tests
	go test -vet=off -timeout 20m -p 1 $$(go list ./test/... | grep -v '/test/e2e$$') ./test/e2e

test-short: ## Run the tests without the black-box ones
	go test -short -timeout 10m ./...

test-e2e: build ## Run the black-box tests over the built binaries
	EMC_E2E_BIN=$(CURDIR)/$(BUILD) go test -timeout 20m -v ./test/e2e/...

test-validators: build ## Run the tests of networks of several validators
	EMC_E2E_BIN=$(CURDIR)/$(BUILD) go test -timeout 20m -v ./test/validators/...

test-race: ## Run the daemons' tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -timeout 20m ./pkg/... ./worker/... ./router/...

test-sim: ## Random lives of x/compute, x/market and x/socket, and of the whole chain under every executor
	go test ./x/compute/keeper ./x/market/keeper -run TestRandomLife -rapid.checks=5000 -rapid.steps=100 -timeout 30m
	go test ./x/socket/keeper -run TestRandomLife -rapid.checks=5000 -timeout 60m
	go test -tags sims ./app -run 'TestFullAppSimulation|TestApp(ImportExport|SimulationAfterImport|StateDeterminism)' -NumBlocks=40 -BlockSize=50 -timeout 30m

test-fuzz: ## Every fuzz target for FUZZTIME each
	scripts/fuzz.sh $(FUZZTIME)

lint: ## Run the linters
	go run -modfile=tools/go.mod github.com/golangci/golangci-lint/v2/cmd/golangci-lint run --allow-parallel-runners ./...

proto: ## Generate the Go code and the OpenAPI page from proto/
	scripts/proto.sh
	scripts/openapi.sh

lint-proto: ## Check that the generated code is current (skipped with a word where protoc is missing)
	scripts/proto-check.sh

bench: build ## Measure the published figures; writes build/bench.json
	scripts/bench.sh

ocr: ## Pack the OCR app for the docker runtime from Debian's packages into build/ocr.tar (needs apt)
	apps/ocr/pack.sh $(BUILD)/ocr.tar

soak: build ## Long runs, outside CI; writes build/soak.json
	scripts/soak.sh

clean: ## Remove what was built
	rm -rf $(BUILD)

.PHONY: help build emcd emc-worker emc-router charlm demo localnet test test-unit test-networks test-short test-e2e test-validators test-race test-sim test-fuzz lint proto lint-proto bench ocr soak clean
