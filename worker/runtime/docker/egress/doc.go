// Package egress is the way to the internet for programs that have no network:
// an HTTP proxy that runs outside of their sandbox, with the worker's own
// rights, and reaches public addresses only.
//
// The proxy resolves a name itself and dials the very address that it checked: a
// name that answers with another address the second time (DNS rebinding) gains
// nothing. It speaks CONNECT, for TLS and anything else that runs over TCP, and
// plain HTTP.
package egress
