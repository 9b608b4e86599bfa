package simulation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand"

	"cosmossdk.io/math"

	"github.com/edgematrix/emc/pkg/power"
	"github.com/edgematrix/emc/x/compute/types"
)

func regions() []string { return []string{"", "DE", "DE-BE", "US-CA", "US"} }

func gpuModels() []string { return []string{"RTX 4090", "H200", "RTX 3060"} }

func runtimes() []string { return []string{types.RuntimeWasm, types.RuntimeDocker} }

func oneOf[T any](r *rand.Rand, list []T) T { return list[r.Intn(len(list))] }

// randomOffer is an offer that mostly covers a whole runtime, so that jobs find nodes.
func randomOffer(r *rand.Rand, apps []types.App) types.Offer {
	o := types.Offer{
		Hardware: randomHardware(r), Region: oneOf(r, regions()), Slots: uint32(1 + r.Intn(4)),
		SlotHourPrice: types.Uemc(math.NewInt(r.Int63n(2_000_000))), Isolation: uint32(r.Intn(types.MaxIsolation + 1)), Egress: r.Intn(2) == 0,
	}
	if r.Intn(6) == 0 { // a queue forms among equal prices alone
		o.SlotHourPrice = types.Uemc(math.NewInt(360_000))
	}
	for _, runtime := range runtimes() {
		if r.Intn(3) > 0 {
			o.Runtimes = append(o.Runtimes, runtime)
		}
	}
	for _, app := range apps {
		if r.Intn(4) == 0 && len(o.Apps) < 4 {
			o.Apps = append(o.Apps, app.Id)
		}
	}
	if len(o.Apps)+len(o.Runtimes) == 0 {
		o.Runtimes = []string{types.RuntimeWasm}
	}
	return o
}

// routerOffer is what a router has of an offer.
func routerOffer(r *rand.Rand) types.Offer {
	return types.Offer{Hardware: randomHardware(r), Region: oneOf(r, regions()), SlotHourPrice: types.Uemc(math.ZeroInt())}
}

// roleOffer is an offer that fits a role.
func roleOffer(r *rand.Rand, role types.Role, apps []types.App) types.Offer {
	if role == types.ROLE_ROUTER {
		return routerOffer(r)
	}
	return randomOffer(r, apps)
}

func otherRole(role types.Role) types.Role {
	if role == types.ROLE_ROUTER {
		return types.ROLE_COMPUTING
	}
	return types.ROLE_ROUTER
}

func randomHardware(r *rand.Rand) types.Hardware {
	h := types.Hardware{CpuModel: "simulated", CpuCores: uint32(r.Intn(64)), MemoryBytes: uint64(r.Intn(64)) << 30, DiskBytes: uint64(r.Intn(1000)) << 30}
	for i := range r.Intn(3) {
		h.Gpus = append(h.Gpus, types.Gpu{
			Model: oneOf(r, gpuModels()), UuidHash: hex.EncodeToString(randomDigest(r)), MemoryBytes: uint64(8*(1+i)) << 30,
			ComputeCapability: "9.0", Driver: "570.1",
		})
	}
	return h
}

// randomRequirements ask for little, mostly for nothing.
func randomRequirements(r *rand.Rand) types.Requirements {
	req := types.Requirements{MinStake: math.ZeroInt()}
	switch r.Intn(10) {
	case 0:
		req.MemoryBytes, req.CpuCores = uint64(r.Intn(16))<<30, uint32(r.Intn(16))
	case 1:
		req.Gpus, req.GpuMemoryBytes, req.GpuModel = 1, uint64(r.Intn(24))<<30, oneOf(r, append(gpuModels(), ""))
	case 2:
		req.Region = oneOf(r, regions())
	case 3:
		req.MinIsolation, req.Egress = uint32(r.Intn(types.MaxIsolation+1)), r.Intn(2) == 0
	case 4:
		req.MinStake = math.NewInt(r.Int63n(30_000_000))
	case 5:
		req.MinSlotPower = 1 + uint64(r.Int63n(power.MicroE))
	}
	return req
}

// randomPower is what a node has proved before the simulation began, at times
// nothing.
func randomPower(r *rand.Rand) uint64 {
	return uint64(r.Intn(6)) * (1 + uint64(r.Int63n(power.MicroE)))
}

func randomApp(r *rand.Rand, id, owner string) types.App {
	app := types.App{
		Id: id, Owner: owner, Runtime: oneOf(r, runtimes()), Digest: hex.EncodeToString(randomDigest(r)), Interface: types.INTERFACE_BATCH,
		Comparison: oneOf(r, []types.Comparison{types.COMPARISON_NONE, types.COMPARISON_EXACT, types.COMPARISON_TOLERANCE}),
		Unit:       "token", Description: fmt.Sprintf("app %s of a simulation", id),
	}
	if r.Intn(4) == 0 {
		app.MinMemoryBytes, app.MinCpuCores = uint64(r.Intn(4))<<30, uint32(r.Intn(4))
	}
	return app
}

func randomDigest(r *rand.Rand) []byte {
	var seed [8]byte
	r.Read(seed[:])
	sum := sha256.Sum256(seed[:])
	return sum[:]
}
