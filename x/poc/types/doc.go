// Package types holds the messages, stored types and rules of x/poc.
package types
