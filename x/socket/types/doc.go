// Package types holds the messages, the stored records and the rules of x/socket that need no state.
package types
