// Package ibctest joins the EMC chain to a second one in ibc-go's testing
// harness and moves coins between them. It stands apart from app's own tests:
// the harness brings a chain of its own along, whose messages and modules would
// be registered beside ours.
package ibctest
