// Package hardware tells what the machine has: what an operator offers and a
// slot gets a share of.
package hardware

import (
	"context"
	"fmt"
	"strings"
	"unicode"

	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/disk"
	"github.com/shirou/gopsutil/v4/mem"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// Inventory tells what a machine has.
type Inventory interface {
	Hardware(ctx context.Context) (computetypes.Hardware, error)
}

// Host is the machine that this process runs on. Dir lies on the disk that
// jobs use.
type Host struct{ Dir string }

// Hardware implements Inventory.
func (h Host) Hardware(ctx context.Context) (computetypes.Hardware, error) {
	var out computetypes.Hardware
	cores, err := cpu.CountsWithContext(ctx, true)
	if err != nil || cores < 1 {
		return out, fmt.Errorf("the number of CPU cores is not to be had: %w", err)
	}
	out.CpuCores = uint32(cores)
	if info, err := cpu.InfoWithContext(ctx); err == nil && len(info) > 0 {
		out.CpuModel = words(info[0].ModelName)
	}
	memory, err := mem.VirtualMemoryWithContext(ctx)
	if err != nil {
		return out, fmt.Errorf("the size of the memory is not to be had: %w", err)
	}
	out.MemoryBytes = memory.Total
	usage, err := disk.UsageWithContext(ctx, h.Dir)
	if err != nil {
		return out, fmt.Errorf("the size of the disk at %s is not to be had: %w", h.Dir, err)
	}
	out.DiskBytes = usage.Total
	return out, nil
}

// FreeDisk is how many bytes are free on the disk that dir lies on.
func FreeDisk(ctx context.Context, dir string) (uint64, error) {
	usage, err := disk.UsageWithContext(ctx, dir)
	if err != nil {
		return 0, err
	}
	return usage.Free, nil
}

// Fixed is an inventory that never changes, for tests.
type Fixed computetypes.Hardware

// Hardware implements Inventory.
func (f Fixed) Hardware(context.Context) (computetypes.Hardware, error) {
	return computetypes.Hardware(f), nil
}

// words makes a vendor's string fit for the chain.
func words(s string) string {
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	for len(s) > computetypes.MaxWordsBytes {
		s = s[:len(s)-1]
	}
	return strings.ToValidUTF8(s, "")
}
