package main

// quad is the unit of all arithmetic on rows. WebAssembly from Go has no vector instructions, and its runtime checks
// each address; four values behind one address share that cost, which makes training about twice as fast.
type quad [4]float32

// matMulT sets out[i,j] = Σk a[i,k]·b[j,k] for a of rows×inner and b of cols×inner quads.
// A tile of two rows by four columns uses each loaded value two to four times.
func matMulT(out []float32, a, b []quad, rows, cols, inner int) {
	i := 0
	for ; i+2 <= rows; i += 2 {
		a0 := a[i*inner:][:inner]
		a1 := a[(i+1)*inner:][:len(a0)]
		o0, o1 := out[i*cols:][:cols], out[(i+1)*cols:][:cols]
		j := 0
		for ; j+4 <= cols; j += 4 {
			b0, b1 := b[j*inner:][:len(a0)], b[(j+1)*inner:][:len(a0)]
			b2, b3 := b[(j+2)*inner:][:len(a0)], b[(j+3)*inner:][:len(a0)]
			var s00, s01, s02, s03, s10, s11, s12, s13 float32
			for k := range a0 {
				xs, ys := &a0[k], &a1[k]
				w0, w1, w2, w3 := &b0[k], &b1[k], &b2[k], &b3[k]
				x, y := xs[0], ys[0]
				s00 += float32(x * w0[0])
				s01 += float32(x * w1[0])
				s02 += float32(x * w2[0])
				s03 += float32(x * w3[0])
				s10 += float32(y * w0[0])
				s11 += float32(y * w1[0])
				s12 += float32(y * w2[0])
				s13 += float32(y * w3[0])
				x, y = xs[1], ys[1]
				s00 += float32(x * w0[1])
				s01 += float32(x * w1[1])
				s02 += float32(x * w2[1])
				s03 += float32(x * w3[1])
				s10 += float32(y * w0[1])
				s11 += float32(y * w1[1])
				s12 += float32(y * w2[1])
				s13 += float32(y * w3[1])
				x, y = xs[2], ys[2]
				s00 += float32(x * w0[2])
				s01 += float32(x * w1[2])
				s02 += float32(x * w2[2])
				s03 += float32(x * w3[2])
				s10 += float32(y * w0[2])
				s11 += float32(y * w1[2])
				s12 += float32(y * w2[2])
				s13 += float32(y * w3[2])
				x, y = xs[3], ys[3]
				s00 += float32(x * w0[3])
				s01 += float32(x * w1[3])
				s02 += float32(x * w2[3])
				s03 += float32(x * w3[3])
				s10 += float32(y * w0[3])
				s11 += float32(y * w1[3])
				s12 += float32(y * w2[3])
				s13 += float32(y * w3[3])
			}
			o0[j], o0[j+1], o0[j+2], o0[j+3] = s00, s01, s02, s03
			o1[j], o1[j+1], o1[j+2], o1[j+3] = s10, s11, s12, s13
		}
		for ; j < cols; j++ {
			w := b[j*inner:][:inner]
			o0[j], o1[j] = dot(a0, w), dot(a1, w)
		}
	}
	for ; i < rows; i++ {
		for j := range cols {
			out[i*cols+j] = dot(a[i*inner:][:inner], b[j*inner:][:inner])
		}
	}
}

// matMulAdd adds Σj a[i,j]·b[j,k] to out[i,k] for a of rows×inner and b of inner×cols quads.
func matMulAdd(out []quad, a []float32, b []quad, rows, cols, inner int) {
	for i := range rows {
		o, x := out[i*cols:][:cols], a[i*inner:][:inner]
		j := 0
		for ; j+4 <= inner; j += 4 {
			axpy4(o, x[j], x[j+1], x[j+2], x[j+3], b[j*cols:])
		}
		for ; j < inner; j++ {
			axpy(o, x[j], b[j*cols:][:cols])
		}
	}
}

// matMulTAdd adds Σi a[i,j]·b[i,k] to out[j,k] for a of inner×rows and b of inner×cols quads.
func matMulTAdd(out []quad, a []float32, b []quad, rows, cols, inner int) {
	for j := range rows {
		o := out[j*cols:][:cols]
		i := 0
		for ; i+4 <= inner; i += 4 {
			axpy4(o, a[i*rows+j], a[(i+1)*rows+j], a[(i+2)*rows+j], a[(i+3)*rows+j], b[i*cols:])
		}
		for ; i < inner; i++ {
			axpy(o, a[i*rows+j], b[i*cols:][:cols])
		}
	}
}

// axpy4 adds w·r0 + x·r1 + y·r2 + z·r3 to out, where r0 to r3 are the first four rows of b.
func axpy4(out []quad, w, x, y, z float32, b []quad) {
	cols := len(out)
	r0, r1 := b[:len(out)], b[cols:][:len(out)]
	r2, r3 := b[2*cols:][:len(out)], b[3*cols:][:len(out)]
	for k := range out {
		o, b0, b1, b2, b3 := &out[k], &r0[k], &r1[k], &r2[k], &r3[k]
		o[0] += float32(w*b0[0]) + float32(x*b1[0]) + float32(y*b2[0]) + float32(z*b3[0])
		o[1] += float32(w*b0[1]) + float32(x*b1[1]) + float32(y*b2[1]) + float32(z*b3[1])
		o[2] += float32(w*b0[2]) + float32(x*b1[2]) + float32(y*b2[2]) + float32(z*b3[2])
		o[3] += float32(w*b0[3]) + float32(x*b1[3]) + float32(y*b2[3]) + float32(z*b3[3])
	}
}

func axpy(out []quad, x float32, b []quad) {
	b = b[:len(out)]
	for k := range out {
		o, w := &out[k], &b[k]
		o[0] += float32(x * w[0])
		o[1] += float32(x * w[1])
		o[2] += float32(x * w[2])
		o[3] += float32(x * w[3])
	}
}

func dot(a, b []quad) float32 {
	b = b[:len(a)]
	var s float32
	for k := range a {
		x, y := &a[k], &b[k]
		s += float32(x[0] * y[0])
		s += float32(x[1] * y[1])
		s += float32(x[2] * y[2])
		s += float32(x[3] * y[3])
	}
	return s
}

func add(out, b []quad) {
	b = b[:len(out)]
	for k := range out {
		o, w := &out[k], &b[k]
		o[0] += w[0]
		o[1] += w[1]
		o[2] += w[2]
		o[3] += w[3]
	}
}

// rectify replaces the negative values by zero.
func rectify(out []quad) {
	for k := range out {
		o := &out[k]
		if o[0] < 0 {
			o[0] = 0
		}
		if o[1] < 0 {
			o[1] = 0
		}
		if o[2] < 0 {
			o[2] = 0
		}
		if o[3] < 0 {
			o[3] = 0
		}
	}
}
