#include "textflag.h"
#include "avx512_amd64.h"

// AMX-int8. A tile register holds 16 rows of 64 bytes. TDPBSSD multiplies 16 rows
// of A (64 entries each) by 16 columns of B (64 entries each, four of a column
// side by side), signed, and adds to 16×16 sums of 32 bits, exactly.
//
// Go's assembler does not know these instructions. Registers are always the same
// ones: AX is the stride of 64 bytes, SI points to A, DI and DX to two columns of
// tiles of B, R8 to sums.

#define LOADCONFIG_SI  BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0x06
#define TILERELEASE    BYTE $0xc4; BYTE $0xe2; BYTE $0x78; BYTE $0x49; BYTE $0xc0

#define ZERO_T0        BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $0xc0
#define ZERO_T1        BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $0xc8
#define ZERO_T2        BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $0xd0
#define ZERO_T3        BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $0xd8
#define ZERO_T4        BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $0xe0
#define ZERO_T5        BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $0xe8
#define ZERO_T6        BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $0xf0
#define ZERO_T7        BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x49; BYTE $0xf8

// Sums: tile i of the four at R8.
#define LOADSUM_T0     BYTE $0xc4; BYTE $0xc2; BYTE $0x7b; BYTE $0x4b; BYTE $0x04; BYTE $0x00
#define LOADSUM_T1     BYTE $0xc4; BYTE $0xc2; BYTE $0x7b; BYTE $0x4b; BYTE $0x8c; BYTE $0x00; LONG $0x0400
#define LOADSUM_T2     BYTE $0xc4; BYTE $0xc2; BYTE $0x7b; BYTE $0x4b; BYTE $0x94; BYTE $0x00; LONG $0x0800
#define LOADSUM_T3     BYTE $0xc4; BYTE $0xc2; BYTE $0x7b; BYTE $0x4b; BYTE $0x9c; BYTE $0x00; LONG $0x0c00
#define STORESUM_T0    BYTE $0xc4; BYTE $0xc2; BYTE $0x7a; BYTE $0x4b; BYTE $0x04; BYTE $0x00
#define STORESUM_T1    BYTE $0xc4; BYTE $0xc2; BYTE $0x7a; BYTE $0x4b; BYTE $0x8c; BYTE $0x00; LONG $0x0400
#define STORESUM_T2    BYTE $0xc4; BYTE $0xc2; BYTE $0x7a; BYTE $0x4b; BYTE $0x94; BYTE $0x00; LONG $0x0800
#define STORESUM_T3    BYTE $0xc4; BYTE $0xc2; BYTE $0x7a; BYTE $0x4b; BYTE $0x9c; BYTE $0x00; LONG $0x0c00

// Operands: two tiles of A one after the other, one tile of each column of B.
#define LOADA_T4       BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x4b; BYTE $0x24; BYTE $0x06
#define LOADA_T5       BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x4b; BYTE $0xac; BYTE $0x06; LONG $0x0400
#define LOADB_T6       BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x4b; BYTE $0x34; BYTE $0x07
#define LOADB_T7       BYTE $0xc4; BYTE $0xe2; BYTE $0x7b; BYTE $0x4b; BYTE $0x3c; BYTE $0x02

#define DOT_T0_T4_T6   BYTE $0xc4; BYTE $0xe2; BYTE $0x4b; BYTE $0x5e; BYTE $0xc4
#define DOT_T1_T4_T7   BYTE $0xc4; BYTE $0xe2; BYTE $0x43; BYTE $0x5e; BYTE $0xcc
#define DOT_T2_T5_T6   BYTE $0xc4; BYTE $0xe2; BYTE $0x4b; BYTE $0x5e; BYTE $0xd5
#define DOT_T3_T5_T7   BYTE $0xc4; BYTE $0xe2; BYTE $0x43; BYTE $0x5e; BYTE $0xdd

// All eight tiles are 16 rows of 64 bytes.
DATA tiles<>+0(SB)/8, $1
DATA tiles<>+8(SB)/8, $0
DATA tiles<>+16(SB)/8, $0x0040004000400040
DATA tiles<>+24(SB)/8, $0x0040004000400040
DATA tiles<>+32(SB)/8, $0
DATA tiles<>+40(SB)/8, $0
DATA tiles<>+48(SB)/8, $0x1010101010101010
DATA tiles<>+56(SB)/8, $0
GLOBL tiles<>(SB), RODATA, $64

// func amxPackRow(dst *byte, states *[9]uint64, steps int)
//
// One row: 64 entries at dst, the next 64 at dst+2048, and so on. States are the
// generator's eight states before the first words, and the step between eight.
TEXT ·amxPackRow(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ states+8(FP), SI
	MOVQ steps+16(FP), CX

	VPBROADCASTQ 64(SI), Z29
	VPBROADCASTQ constants<>+8(SB), Z30
	VPBROADCASTQ constants<>+16(SB), Z31
	VMOVDQU64    (SI), Z0

row:
	NEXT(Z0, Z1, Z2)
	VPXORQ    Z2, Z1, Z1
	VMOVDQU64 Z1, (DI)
	ADDQ      $2048, DI
	DECQ      CX
	JNZ       row

	VZEROUPPER
	RET

// TILEFOLD adds the fold of the 16×16 sums at R8+at to a leaf.
#define TILEFOLD(at, leaf) \
	VPXORQ    Z30, Z30, Z30        \
	VMOVDQU64 (at+0)(R8), Z0       \
	VMOVDQU64 (at+64)(R8), Z1      \
	VMOVDQU64 (at+128)(R8), Z2     \
	VMOVDQU64 (at+192)(R8), Z3     \
	VMOVDQU64 (at+256)(R8), Z4     \
	VMOVDQU64 (at+320)(R8), Z5     \
	VMOVDQU64 (at+384)(R8), Z6     \
	VMOVDQU64 (at+448)(R8), Z7     \
	FOLD(Z0, Z16, Z17, Z30)        \
	FOLD(Z1, Z18, Z19, Z30)        \
	FOLD(Z2, Z16, Z17, Z30)        \
	FOLD(Z3, Z18, Z19, Z30)        \
	FOLD(Z4, Z16, Z17, Z30)        \
	FOLD(Z5, Z18, Z19, Z30)        \
	FOLD(Z6, Z16, Z17, Z30)        \
	FOLD(Z7, Z18, Z19, Z30)        \
	VMOVDQU64 (at+512)(R8), Z0     \
	VMOVDQU64 (at+576)(R8), Z1     \
	VMOVDQU64 (at+640)(R8), Z2     \
	VMOVDQU64 (at+704)(R8), Z3     \
	VMOVDQU64 (at+768)(R8), Z4     \
	VMOVDQU64 (at+832)(R8), Z5     \
	VMOVDQU64 (at+896)(R8), Z6     \
	VMOVDQU64 (at+960)(R8), Z7     \
	FOLD(Z0, Z16, Z17, Z30)        \
	FOLD(Z1, Z18, Z19, Z30)        \
	FOLD(Z2, Z16, Z17, Z30)        \
	FOLD(Z3, Z18, Z19, Z30)        \
	FOLD(Z4, Z16, Z17, Z30)        \
	FOLD(Z5, Z18, Z19, Z30)        \
	FOLD(Z6, Z16, Z17, Z30)        \
	FOLD(Z7, Z18, Z19, Z30)        \
	SUM(Z30, Y30, X30, leaf)

// func amxMultiply(leaves *uint64, a, b *byte, steps int)
//
// 32 rows times 128 columns, 64 entries a step; what their products fold to is
// added to 2 × 8 leaves. The inner dimension is cut into stretches of eight steps:
// 16 KB of A stay in the first-level cache while 32 columns of B after the other
// pass by, and the sums wait in memory in between.
TEXT ·amxMultiply(SB), 0, $16448-32
	MOVQ a+8(FP), R9
	MOVQ b+16(FP), R10
	MOVQ steps+24(FP), R12
	MOVQ R12, R11
	SHLQ $10, R11 // from one column of tiles of B to the next
	LEAQ tiles<>(SB), SI
	LOADCONFIG_SI
	MOVQ $64, AX
	XORQ R14, R14 // steps done: not zero from the second stretch on

stretch:
	MOVQ    $8, BX
	CMPQ    R12, BX
	CMOVQLT R12, BX
	LEAQ    63(SP), R8
	ANDQ    $-64, R8
	MOVQ    R10, DI
	MOVQ    $4, R13

columns:
	LEAQ  (DI)(R11*1), DX
	MOVQ  R9, SI
	MOVQ  BX, CX
	TESTQ R14, R14
	JNZ   goon
	ZERO_T0
	ZERO_T1
	ZERO_T2
	ZERO_T3
	JMP   inner

goon:
	LOADSUM_T0
	LOADSUM_T1
	LOADSUM_T2
	LOADSUM_T3

inner:
	LOADA_T4
	LOADB_T6
	LOADB_T7
	LOADA_T5
	DOT_T0_T4_T6
	DOT_T1_T4_T7
	DOT_T2_T5_T6
	DOT_T3_T5_T7
	ADDQ $2048, SI
	ADDQ $1024, DI
	ADDQ $1024, DX
	DECQ CX
	JNZ  inner

	STORESUM_T0
	STORESUM_T1
	STORESUM_T2
	STORESUM_T3
	ADDQ $4096, R8
	// DI stands at the end of this stretch of its column; back, and two columns on.
	MOVQ BX, CX
	SHLQ $10, CX
	SUBQ CX, DI
	LEAQ (DI)(R11*2), DI
	DECQ R13
	JNZ  columns

	ADDQ BX, R14
	MOVQ BX, CX
	SHLQ $10, CX
	ADDQ CX, R10
	LEAQ (R9)(CX*2), R9
	SUBQ BX, R12
	JNZ  stretch

	TILERELEASE

	VPBROADCASTD constants<>+28(SB), Z28
	VPBROADCASTD constants<>+32(SB), Z29
	LEAQ 63(SP), R8
	ANDQ $-64, R8
	MOVQ leaves+0(FP), DI
	MOVQ $4, CX

fold:
	TILEFOLD(0, (DI))
	TILEFOLD(1024, 8(DI))
	TILEFOLD(2048, 64(DI))
	TILEFOLD(3072, 72(DI))
	ADDQ $4096, R8
	ADDQ $16, DI
	DECQ CX
	JNZ  fold

	VZEROUPPER
	RET

// func amxPeak(iterations int)
//
// Four independent multiplications an iteration, on registers alone.
TEXT ·amxPeak(SB), NOSPLIT, $0-8
	MOVQ iterations+0(FP), CX
	LEAQ tiles<>(SB), SI
	LOADCONFIG_SI
	ZERO_T0
	ZERO_T1
	ZERO_T2
	ZERO_T3
	ZERO_T4
	ZERO_T5
	ZERO_T6
	ZERO_T7

peak:
	DOT_T0_T4_T6
	DOT_T1_T4_T7
	DOT_T2_T5_T6
	DOT_T3_T5_T7
	DECQ CX
	JNZ  peak

	TILERELEASE
	RET
