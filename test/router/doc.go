// Package router is the black-box test of calls between processes: a network, workers
// with a scripted app, a router, and programs that call; each is killed in the middle,
// and every uemc is explained in the end.
package router
