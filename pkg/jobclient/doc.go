// Package jobclient is the customer's side of a job: it quotes, submits, hands over the inputs, follows the log, fetches
// and verifies the result, and accepts it.
//
// It trusts nobody. The worker proves its identity by the libp2p handshake with the key that stands on the chain, the
// result and the log must have the digests of the receipt on the chain, and nothing is accepted, or put under its final
// name, before that has been checked. What the customer risks is one job's price: a worker may compute nonsense and
// still be paid when the acceptance window ends.
//
// What is needed to come back to a job lies in a folder of its own (Store): the access key and the salt are on disk
// before the transaction that names them is sent, since without them the money is spent and the job cannot be reached.
//
// The flow, a file each: request, quote, submit, deliver, follow, collect, accept; run puts them together. The chain and
// the wallet are interfaces (Chain, Wallet), with implementations over the SDK's client.Context.
package jobclient
