// Package onchain is what customers, nodes and routers of sessions ask of x/market, over a node's RPC: it implements
// session.Chain, and opens and closes sessions.
package onchain
