// Package job defines the formats that a customer, a worker and the chain share about one batch job: the specification
// that a customer uploads, the manifest of its inputs, the result that a worker answers with, and the digests of all
// three.
//
// Every format is versioned canonical JSON: the fields stand in one fixed order, numbers are integers of at most 2^53−1,
// absent lists are written as [], no white space is added, and the characters <, > and & stand as they are. Exactly one
// byte string therefore encodes a value, and the decoders refuse every other one, so that a digest names a value.
//
// Only salted digests stand on the chain. A specification is often short and guessable (a well-known app with its usual
// arguments); without the salt anybody could find it by trying.
package job
