// Package gateway is the router's HTTP side.
package gateway
