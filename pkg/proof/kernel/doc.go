// Package kernel multiplies the seeded matrices of the standard task and folds
// the products into leaf digests. Each kernel is the same exact arithmetic for
// another unit of the processor; pure Go is the one that the others are held
// against.
//
// A kernel makes its operands itself: a key stands for one row of A or one
// column of B (both run along the inner dimension), and packing writes what the
// key's generator gives in the order in which the multiplication reads it. C is
// never stored: what stands in the registers at the end of the inner dimension
// is folded there.
package kernel
