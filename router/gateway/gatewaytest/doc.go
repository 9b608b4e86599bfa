// Package gatewaytest is a backend that plays nodes by a script, for tests of the gateway and of its clients.
package gatewaytest
