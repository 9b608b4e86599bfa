// Package amx runs a program on a processor without AMX as if it had it: each of
// AMX's instructions raises SIGILL there, and a tracer carries it out on the
// program's registers and memory, as Intel's manual defines it. Slow, and exact:
// it shows that code which only a few machines can run does what it should.
package amx
