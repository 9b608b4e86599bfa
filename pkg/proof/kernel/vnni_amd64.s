#include "textflag.h"
#include "avx512_amd64.h"

// AVX-512 VNNI. VPDPBUSD multiplies four unsigned bytes by four signed ones and
// adds all of it to 32 bits, exactly. Entries of A stay signed, 128 is added to
// those of B, and each sum of C begins at −128·(the sum of its row of A).

// The low halves of eight words, then the high halves.
DATA halves<>+0(SB)/4, $0
DATA halves<>+4(SB)/4, $2
DATA halves<>+8(SB)/4, $4
DATA halves<>+12(SB)/4, $6
DATA halves<>+16(SB)/4, $8
DATA halves<>+20(SB)/4, $10
DATA halves<>+24(SB)/4, $12
DATA halves<>+28(SB)/4, $14
DATA halves<>+32(SB)/4, $1
DATA halves<>+36(SB)/4, $3
DATA halves<>+40(SB)/4, $5
DATA halves<>+44(SB)/4, $7
DATA halves<>+48(SB)/4, $9
DATA halves<>+52(SB)/4, $11
DATA halves<>+56(SB)/4, $13
DATA halves<>+60(SB)/4, $15
GLOBL halves<>(SB), RODATA, $64

// func vnniPackA(dst *byte, keys *uint64, words int)
//
// Eight rows: for each word 8 rows × 4 bytes, twice; then 8 × −128·(sum of the row).
TEXT ·vnniPackA(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ keys+8(FP), SI
	MOVQ words+16(FP), CX

	VPBROADCASTQ constants<>+0(SB), Z29
	VPBROADCASTQ constants<>+8(SB), Z30
	VPBROADCASTQ constants<>+16(SB), Z31
	VPBROADCASTD constants<>+24(SB), Z28
	VMOVDQU64    halves<>(SB), Z27
	VMOVDQU64    (SI), Z0
	VPXORQ       Z26, Z26, Z26

rows:
	NEXT(Z0, Z1, Z2)
	VPXORQ    Z2, Z1, Z1
	VPERMD    Z1, Z27, Z1
	VPDPBUSD  Z1, Z28, Z26
	VMOVDQU64 Z1, (DI)
	ADDQ      $64, DI
	DECQ      CX
	JNZ       rows

	VEXTRACTI64X4 $1, Z26, Y1
	VPADDD        Y1, Y26, Y1
	VPSLLD        $7, Y1, Y1
	VPXORQ        Y2, Y2, Y2
	VPSUBD        Y1, Y2, Y1
	VMOVDQU32     Y1, (DI)
	VZEROUPPER
	RET

// func vnniPackB(dst *byte, keys *uint64, words, stride int, flip uint64)
//
// Sixteen columns: for each word 16 columns × 4 bytes at dst, the same at
// dst+stride, and on to dst+2·stride. Words are xored with flip: 0x80 in each byte
// adds 128 to each entry. The order of the columns in those 64 bytes is the same
// everywhere, which is all that a tile asks for.
TEXT ·vnniPackB(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ keys+8(FP), SI
	MOVQ words+16(FP), CX
	MOVQ stride+24(FP), DX

	VPBROADCASTQ constants<>+0(SB), Z29
	VPBROADCASTQ constants<>+8(SB), Z30
	VPBROADCASTQ constants<>+16(SB), Z31
	VPBROADCASTQ flip+32(FP), Z28
	VMOVDQU64    (SI), Z0
	VMOVDQU64    64(SI), Z1

columns:
	NEXT(Z0, Z2, Z3)
	NEXT(Z1, Z4, Z5)
	VPTERNLOGQ $0x96, Z28, Z3, Z2
	VPTERNLOGQ $0x96, Z28, Z5, Z4
	VSHUFPS    $0x88, Z4, Z2, Z6
	VSHUFPS    $0xDD, Z4, Z2, Z7
	VMOVDQU64  Z6, (DI)
	VMOVDQU64  Z7, (DI)(DX*1)
	LEAQ       (DI)(DX*2), DI
	DECQ       CX
	JNZ        columns

	VZEROUPPER
	RET

// ROW32 multiplies four bytes of a row by those of 32 columns in Z16 and Z17.
#define ROW32(at, left, right) \
	VPBROADCASTD at(SI), Z20 \
	VPDPBUSD Z20, Z16, left  \
	VPDPBUSD Z20, Z17, right

// func vnniMultiply32(leaves *[2]uint64, a, b *byte, words int)
//
// Eight rows times 32 columns; what their products fold to is added to the leaves.
TEXT ·vnniMultiply32(SB), NOSPLIT, $0-32
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ words+24(FP), CX

	MOVQ         CX, AX
	SHLQ         $6, AX
	ADDQ         SI, AX
	VPBROADCASTD (AX), Z0
	VPBROADCASTD 4(AX), Z2
	VPBROADCASTD 8(AX), Z4
	VPBROADCASTD 12(AX), Z6
	VPBROADCASTD 16(AX), Z8
	VPBROADCASTD 20(AX), Z10
	VPBROADCASTD 24(AX), Z12
	VPBROADCASTD 28(AX), Z14
	VMOVDQA64    Z0, Z1
	VMOVDQA64    Z2, Z3
	VMOVDQA64    Z4, Z5
	VMOVDQA64    Z6, Z7
	VMOVDQA64    Z8, Z9
	VMOVDQA64    Z10, Z11
	VMOVDQA64    Z12, Z13
	VMOVDQA64    Z14, Z15

	// The panel of B that comes next is fetched into the second-level cache, the
	// row's entries into the first.
	MOVQ CX, R8
	SHLQ $8, R8

inner:
	PREFETCHT1 (DX)(R8*1)
	PREFETCHT1 64(DX)(R8*1)
	PREFETCHT1 128(DX)(R8*1)
	PREFETCHT1 192(DX)(R8*1)
	PREFETCHT0 1024(SI)
	VMOVDQU64 (DX), Z16
	VMOVDQU64 64(DX), Z17
	ROW32(0, Z0, Z1)
	ROW32(4, Z2, Z3)
	ROW32(8, Z4, Z5)
	ROW32(12, Z6, Z7)
	ROW32(16, Z8, Z9)
	ROW32(20, Z10, Z11)
	ROW32(24, Z12, Z13)
	ROW32(28, Z14, Z15)
	VMOVDQU64 128(DX), Z16
	VMOVDQU64 192(DX), Z17
	ROW32(32, Z0, Z1)
	ROW32(36, Z2, Z3)
	ROW32(40, Z4, Z5)
	ROW32(44, Z6, Z7)
	ROW32(48, Z8, Z9)
	ROW32(52, Z10, Z11)
	ROW32(56, Z12, Z13)
	ROW32(60, Z14, Z15)
	ADDQ $64, SI
	ADDQ $256, DX
	DECQ CX
	JNZ  inner

	VPBROADCASTD constants<>+28(SB), Z28
	VPBROADCASTD constants<>+32(SB), Z29
	VPXORQ       Z30, Z30, Z30
	VPXORQ       Z31, Z31, Z31
	FOLD(Z0, Z16, Z17, Z30)
	FOLD(Z1, Z18, Z19, Z31)
	FOLD(Z2, Z16, Z17, Z30)
	FOLD(Z3, Z18, Z19, Z31)
	FOLD(Z4, Z16, Z17, Z30)
	FOLD(Z5, Z18, Z19, Z31)
	FOLD(Z6, Z16, Z17, Z30)
	FOLD(Z7, Z18, Z19, Z31)
	FOLD(Z8, Z16, Z17, Z30)
	FOLD(Z9, Z18, Z19, Z31)
	FOLD(Z10, Z16, Z17, Z30)
	FOLD(Z11, Z18, Z19, Z31)
	FOLD(Z12, Z16, Z17, Z30)
	FOLD(Z13, Z18, Z19, Z31)
	FOLD(Z14, Z16, Z17, Z30)
	FOLD(Z15, Z18, Z19, Z31)

	MOVQ leaves+0(FP), DI
	SUM(Z30, Y30, X30, (DI))
	SUM(Z31, Y31, X31, 8(DI))
	VZEROUPPER
	RET

// func vnniMultiply16(leaf *uint64, a, b *byte, words int)
//
// Eight rows times 16 columns: half a tile, for whoever checks a single one.
TEXT ·vnniMultiply16(SB), NOSPLIT, $0-32
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ words+24(FP), CX

	MOVQ         CX, AX
	SHLQ         $6, AX
	ADDQ         SI, AX
	VPBROADCASTD (AX), Z0
	VPBROADCASTD 4(AX), Z1
	VPBROADCASTD 8(AX), Z2
	VPBROADCASTD 12(AX), Z3
	VPBROADCASTD 16(AX), Z4
	VPBROADCASTD 20(AX), Z5
	VPBROADCASTD 24(AX), Z6
	VPBROADCASTD 28(AX), Z7

half:
	VMOVDQU64     (DX), Z16
	VMOVDQU64     64(DX), Z17
	VPDPBUSD.BCST (SI), Z16, Z0
	VPDPBUSD.BCST 4(SI), Z16, Z1
	VPDPBUSD.BCST 8(SI), Z16, Z2
	VPDPBUSD.BCST 12(SI), Z16, Z3
	VPDPBUSD.BCST 16(SI), Z16, Z4
	VPDPBUSD.BCST 20(SI), Z16, Z5
	VPDPBUSD.BCST 24(SI), Z16, Z6
	VPDPBUSD.BCST 28(SI), Z16, Z7
	VPDPBUSD.BCST 32(SI), Z17, Z0
	VPDPBUSD.BCST 36(SI), Z17, Z1
	VPDPBUSD.BCST 40(SI), Z17, Z2
	VPDPBUSD.BCST 44(SI), Z17, Z3
	VPDPBUSD.BCST 48(SI), Z17, Z4
	VPDPBUSD.BCST 52(SI), Z17, Z5
	VPDPBUSD.BCST 56(SI), Z17, Z6
	VPDPBUSD.BCST 60(SI), Z17, Z7
	ADDQ          $64, SI
	ADDQ          $128, DX
	DECQ          CX
	JNZ           half

	VPBROADCASTD constants<>+28(SB), Z28
	VPBROADCASTD constants<>+32(SB), Z29
	VPXORQ       Z30, Z30, Z30
	FOLD(Z0, Z16, Z17, Z30)
	FOLD(Z1, Z18, Z19, Z30)
	FOLD(Z2, Z16, Z17, Z30)
	FOLD(Z3, Z18, Z19, Z30)
	FOLD(Z4, Z16, Z17, Z30)
	FOLD(Z5, Z18, Z19, Z30)
	FOLD(Z6, Z16, Z17, Z30)
	FOLD(Z7, Z18, Z19, Z30)

	MOVQ leaf+0(FP), DI
	SUM(Z30, Y30, X30, (DI))
	VZEROUPPER
	RET

// func vnniPeak(iterations int)
//
// Sixteen independent multiplications an iteration, on registers alone.
TEXT ·vnniPeak(SB), NOSPLIT, $0-8
	MOVQ iterations+0(FP), CX

peak:
	VPDPBUSD Z20, Z16, Z0
	VPDPBUSD Z20, Z17, Z1
	VPDPBUSD Z20, Z16, Z2
	VPDPBUSD Z20, Z17, Z3
	VPDPBUSD Z20, Z16, Z4
	VPDPBUSD Z20, Z17, Z5
	VPDPBUSD Z20, Z16, Z6
	VPDPBUSD Z20, Z17, Z7
	VPDPBUSD Z20, Z16, Z8
	VPDPBUSD Z20, Z17, Z9
	VPDPBUSD Z20, Z16, Z10
	VPDPBUSD Z20, Z17, Z11
	VPDPBUSD Z20, Z16, Z12
	VPDPBUSD Z20, Z17, Z13
	VPDPBUSD Z20, Z16, Z14
	VPDPBUSD Z20, Z17, Z15
	DECQ     CX
	JNZ      peak

	VZEROUPPER
	RET
