// Package openai drives the router's gateway, in front of nodes that follow a script, with OpenAI's own client for Node:
// every endpoint, streams, errors as the client's own classes, times, retries.
//
// It takes Node and npm, and skips without; EMC_REQUIRE_NODE=1 makes that a failure.
package openai
