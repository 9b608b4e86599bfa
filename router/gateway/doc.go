// Package gateway is the HTTP side of a router: OpenAI's API in front of whatever nodes a Backend calls, and plain HTTP to
// every other app under /call/{app}/.
//
// A request goes one way: the key, a slot, the body and what it says of model and money, the cache, the backend, and the
// answer piece by piece as it comes. Nothing is reserved before the request is known to be in order, and every reservation is
// settled by the receipt. Prompts, answers and secrets are in no log and no metric; bodies go on as the very bytes that came.
package gateway
