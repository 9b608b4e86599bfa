#include "textflag.h"

// AVX2. VPMADDWD multiplies sixteen pairs of 16-bit integers and adds two
// products each, exactly; VPMADDUBSW, which takes bytes, saturates.

DATA constants2<>+0(SB)/8, $0x9E3779B97F4A7C15
DATA constants2<>+8(SB)/8, $0x1CE4E5B9
DATA constants2<>+16(SB)/8, $0xBF58476D
DATA constants2<>+24(SB)/8, $0x133111EB
DATA constants2<>+32(SB)/8, $0x94D049BB
DATA constants2<>+40(SB)/4, $0x9E3779B1
DATA constants2<>+44(SB)/4, $0x85EBCA6B
GLOBL constants2<>(SB), RODATA, $48

// MUL64 multiplies the 64-bit integers in z by a constant whose lower half
// stands in low and whose upper half in high.
#define MUL64(z, low, high, t, u) \
	VPSRLQ   $32, z, t   \
	VPMULUDQ low, t, t   \
	VPMULUDQ high, z, u  \
	VPADDQ   t, u, u     \
	VPSLLQ   $32, u, u   \
	VPMULUDQ low, z, z   \
	VPADDQ   u, z, z

// func avx2Pack(dst *byte, keys *uint64, words, stride int)
//
// Four rows or columns: for each pair of entries 4 × 2 integers of 16 bits at
// dst, the next at dst+stride, and so on. The order of the four is the same
// everywhere, which is all that a tile asks for.
TEXT ·avx2Pack(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ keys+8(FP), SI
	MOVQ words+16(FP), CX
	MOVQ stride+24(FP), DX

	VPBROADCASTQ constants2<>+0(SB), Y15
	VPBROADCASTQ constants2<>+8(SB), Y14
	VPBROADCASTQ constants2<>+16(SB), Y13
	VPBROADCASTQ constants2<>+24(SB), Y12
	VPBROADCASTQ constants2<>+32(SB), Y11
	VMOVDQU      (SI), Y0
	LEAQ         (DX)(DX*2), R8

next:
	VPADDQ Y15, Y0, Y0
	VPSRLQ $30, Y0, Y1
	VPXOR  Y0, Y1, Y1
	MUL64(Y1, Y14, Y13, Y2, Y3)
	VPSRLQ $27, Y1, Y2
	VPXOR  Y2, Y1, Y1
	MUL64(Y1, Y12, Y11, Y2, Y3)
	VPSRLQ $31, Y1, Y2
	VPXOR  Y2, Y1, Y1

	VEXTRACTI128 $1, Y1, X2
	VPMOVSXBW    X1, Y1
	VPMOVSXBW    X2, Y2
	VPUNPCKLDQ   Y2, Y1, Y3
	VPUNPCKHDQ   Y2, Y1, Y4
	VPERMQ       $0xD8, Y3, Y3
	VPERMQ       $0xD8, Y4, Y4
	VMOVDQU      X3, (DI)
	VEXTRACTI128 $1, Y3, (DI)(DX*1)
	VMOVDQU      X4, (DI)(DX*2)
	VEXTRACTI128 $1, Y4, (DI)(R8*1)
	LEAQ         (DI)(DX*4), DI
	DECQ         CX
	JNZ          next

	VZEROUPPER
	RET

// ROW multiplies a pair of a row by those of 16 columns in Y8 and Y9.
#define ROW(at, left, right, t, u) \
	VPBROADCASTD at(SI), Y10 \
	VPMADDWD Y10, Y8, t      \
	VPMADDWD Y10, Y9, u      \
	VPADDD   t, left, left   \
	VPADDD   u, right, right

// FOLD2 adds g of the eight sums in x to the four 64-bit sums in Y15. Y13 and
// Y14 hold the fold's constants; x, t and u are lost.
#define FOLD2(x, t, u) \
	VPMULLD  Y13, x, x   \
	VPSRLD   $15, x, t   \
	VPXOR    t, x, x     \
	VPADDD   Y14, x, t   \
	VPMULUDQ t, x, u     \
	VPADDQ   u, Y15, Y15 \
	VPSRLQ   $32, x, x   \
	VPSRLQ   $32, t, t   \
	VPMULUDQ t, x, u     \
	VPADDQ   u, Y15, Y15

// func avx2Multiply(leaf *uint64, a, b *byte, pairs int)
//
// Four rows times 16 columns, a quarter of a tile; what their products fold to
// is added to the leaf. The number of pairs is even.
TEXT ·avx2Multiply(SB), NOSPLIT, $0-32
	MOVQ a+8(FP), SI
	MOVQ b+16(FP), DX
	MOVQ pairs+24(FP), CX

	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3
	VPXOR Y4, Y4, Y4
	VPXOR Y5, Y5, Y5
	VPXOR Y6, Y6, Y6
	VPXOR Y7, Y7, Y7

	// The panel of B that comes next is fetched into the second-level cache.
	MOVQ CX, R8
	SHLQ $6, R8

inner:
	PREFETCHT1 (DX)(R8*1)
	PREFETCHT1 64(DX)(R8*1)
	VMOVDQU (DX), Y8
	VMOVDQU 32(DX), Y9
	ROW(0, Y0, Y1, Y11, Y12)
	ROW(4, Y2, Y3, Y13, Y14)
	ROW(8, Y4, Y5, Y11, Y12)
	ROW(12, Y6, Y7, Y13, Y14)
	VMOVDQU 64(DX), Y8
	VMOVDQU 96(DX), Y9
	ROW(16, Y0, Y1, Y11, Y12)
	ROW(20, Y2, Y3, Y13, Y14)
	ROW(24, Y4, Y5, Y11, Y12)
	ROW(28, Y6, Y7, Y13, Y14)
	ADDQ $32, SI
	ADDQ $128, DX
	SUBQ $2, CX
	JNZ  inner

	VPBROADCASTD constants2<>+40(SB), Y13
	VPBROADCASTD constants2<>+44(SB), Y14
	VPXOR        Y15, Y15, Y15
	FOLD2(Y0, Y8, Y9)
	FOLD2(Y1, Y10, Y11)
	FOLD2(Y2, Y8, Y9)
	FOLD2(Y3, Y10, Y11)
	FOLD2(Y4, Y8, Y9)
	FOLD2(Y5, Y10, Y11)
	FOLD2(Y6, Y8, Y9)
	FOLD2(Y7, Y10, Y11)

	VEXTRACTI128 $1, Y15, X0
	VPADDQ       X0, X15, X0
	VPSRLDQ      $8, X0, X1
	VPADDQ       X1, X0, X0
	VMOVQ        X0, AX
	MOVQ         leaf+0(FP), DI
	ADDQ         AX, (DI)
	VZEROUPPER
	RET

// func avx2Peak(iterations int)
//
// Eight multiplications with their additions an iteration, on registers alone.
TEXT ·avx2Peak(SB), NOSPLIT, $0-8
	MOVQ iterations+0(FP), CX

peak:
	VPMADDWD Y10, Y8, Y11
	VPADDD   Y11, Y0, Y0
	VPMADDWD Y10, Y9, Y12
	VPADDD   Y12, Y1, Y1
	VPMADDWD Y10, Y8, Y13
	VPADDD   Y13, Y2, Y2
	VPMADDWD Y10, Y9, Y14
	VPADDD   Y14, Y3, Y3
	VPMADDWD Y10, Y8, Y11
	VPADDD   Y11, Y4, Y4
	VPMADDWD Y10, Y9, Y12
	VPADDD   Y12, Y5, Y5
	VPMADDWD Y10, Y8, Y13
	VPADDD   Y13, Y6, Y6
	VPMADDWD Y10, Y9, Y14
	VPADDD   Y14, Y7, Y7
	DECQ     CX
	JNZ      peak

	VZEROUPPER
	RET
