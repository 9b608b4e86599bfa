// Package router is the black-box test of calls between processes: a network, workers
// with a scripted app, a router or a customer's own gateway, and programs that call.
// Each is killed in the middle (TestKilledInTheMiddle, TestGatewayOfOnesOwn), workers
// again and again under load (TestLoad), and the router is flooded (TestFloods). Every
// answer is held against what was asked for, and every uemc is explained in the end.
package router
