package kernel

import "golang.org/x/sys/cpu"

// present lists what this processor has, the fastest first.
func present() []Kernel {
	var list []Kernel
	x := &cpu.X86
	if x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512VNNI {
		if x.HasAMXTile && x.HasAMXInt8 && permitted() {
			list = append(list, amx{})
		}
		list = append(list, vnni{})
	}
	if x.HasAVX2 {
		list = append(list, avx2{})
	}
	return list
}
