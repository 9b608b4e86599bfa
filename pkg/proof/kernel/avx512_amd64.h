// What the kernels with 512-bit registers share.

DATA constants<>+0(SB)/8, $0x9E3779B97F4A7C15
DATA constants<>+8(SB)/8, $0xBF58476D1CE4E5B9
DATA constants<>+16(SB)/8, $0x94D049BB133111EB
DATA constants<>+24(SB)/4, $0x01010101
DATA constants<>+28(SB)/4, $0x9E3779B1
DATA constants<>+32(SB)/4, $0x85EBCA6B
GLOBL constants<>(SB), RODATA, $36

// NEXT makes the next word of eight keys, but for the last step of the mixing:
// the word is z ^ t. Z29, Z30 and Z31 hold the generator's constants.
#define NEXT(key, z, t) \
	VPADDQ  Z29, key, key \
	VPSRLQ  $30, key, t   \
	VPXORQ  key, t, z     \
	VPMULLQ Z30, z, z     \
	VPSRLQ  $27, z, t     \
	VPXORQ  t, z, z       \
	VPMULLQ Z31, z, z     \
	VPSRLQ  $31, z, t

// FOLD adds g of the sixteen sums in x to the eight 64-bit sums in leaf. Z28 and
// Z29 hold the fold's constants; x, t and u are lost.
#define FOLD(x, t, u, leaf) \
	VPMULLD  Z28, x, x   \
	VPSRLD   $15, x, t   \
	VPXORD   t, x, x     \
	VPADDD   Z29, x, t   \
	VPMULUDQ t, x, u     \
	VPADDQ   u, leaf, leaf \
	VPSRLQ   $32, x, x   \
	VPSRLQ   $32, t, t   \
	VPMULUDQ t, x, u     \
	VPADDQ   u, leaf, leaf

// SUM adds the eight 64-bit sums in leaf (whose lower parts are y and x) to memory.
#define SUM(leaf, y, x, mem) \
	VEXTRACTI64X4 $1, leaf, Y20 \
	VPADDQ        Y20, y, y   \
	VEXTRACTI64X2 $1, y, X20  \
	VPADDQ        X20, x, x   \
	VPSRLDQ       $8, x, X20  \
	VPADDQ        X20, x, x   \
	VMOVQ         x, AX       \
	ADDQ          AX, mem
