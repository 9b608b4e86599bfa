// Package jobstore is what a worker keeps on its disk for each job, and the server side of pkg/transfer.
//
// Below the store's directory, which belongs to one process and is readable by its user alone:
//
//	lock                held while the store is open
//	apps/<sha256>       artifacts of apps, shared by all jobs, the least recently used of the unused ones removed first
//	damaged/            directories of jobs whose record could not be read, for a person to look at
//	jobs/<id>/job.json  the record: digests and access key from the chain, salt, phase, times
//	jobs/<id>/spec.json the specification's canonical bytes
//	jobs/<id>/parts/    blobs on their way in, named by digest; never trusted before the digest has been verified
//	jobs/<id>/in/       verified inputs, named by digest
//	jobs/<id>/out/      outputs, under the names that the app gave them
//	jobs/<id>/log       standard output and error
//	jobs/<id>/sealed/   outputs of an ended job, each an age file to its customer, named by the digest of its plaintext
//	jobs/<id>/log.age   the log of an ended job, likewise
//	jobs/<id>/result.json
//
// When a job has ended and its customer's client has named a recipient, out/, log and spec.json give way to the age files,
// which this worker cannot read (ADR 20). result.json stays: names, sizes and digests of the outputs.
//
// job.json is replaced in one step (written aside, synced, renamed) and is always written last, so whatever is killed
// in between leaves the step before: what job.json does not speak of is removed or done again at the next Open.
//
// Space is reserved by declared size before a byte is written, for each job and in total.
package jobstore
