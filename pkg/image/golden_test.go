package image

const (
	goldenID      = "sha256:4cbb1703bd6b3824f2f7a0154e521b1a09c66748a940f867f58566b3e7efd84d"
	goldenArchive = "0c25e99193df4310b2217b0b378f3e1247d8927aaa0c094025be1f7445caed88"
)
