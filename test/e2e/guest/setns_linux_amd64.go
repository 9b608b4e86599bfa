package main

// sysSetns is missing from package syscall on this processor.
const sysSetns = 308
