// Package image reads and writes container images in the docker-archive
// format, which is what `docker save` writes and `docker load` reads: one tar
// with a manifest.json, an image's configuration, and its layers.
//
// Read takes an archive from a stranger. It trusts nothing in it: one image,
// layers that are what the configuration says, sizes within limits. What
// reaches an Engine is not that archive but the one that Archive.Clean writes,
// with the verified bytes under one tag of the caller's choice: a customer's
// archive can neither overwrite an operator's image by its name nor bring a
// second one.
//
// Write is for programs that pack an image without an Engine. The same input
// gives the same bytes.
package image
