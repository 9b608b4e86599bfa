// Package apikey keeps the API keys by which customers of a router pay out of their sessions, and holds each key to its
// limits. Of a key's secret only the SHA-256 is kept: who reads the file can call nothing.
//
// What a key has spent is not written with every call. The file has a ceiling for each key that runs ahead of what is spent
// and reserved, by a step: a hundredth of the limit, or a call's reservation where that is larger. Within it calls write
// nothing. After a kill the whole ceiling counts as spent. So a limit is never exceeded, and what a kill costs, beyond what
// was reserved for the calls that ran, is at most two steps of the key's limit: room to spend, never money. Raising the limit
// gives it back. Close leaves nothing behind.
//
// The file belongs to one process, and is never restored from an older copy: that one knows nothing of what was spent since.
package apikey
