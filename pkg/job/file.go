package job

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"
)

// Bounds on files and their names.
const (
	MaxPathBytes = 512
	MaxPathDepth = 16
	MaxNameBytes = 255
	MaxInputs    = 1000
	MaxFileBytes = 1 << 40 // 1 TiB
)

// emptySHA256 is the digest of no bytes: the only one that a file of size zero can have.
const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// File is one input or output: its relative slash-separated path, its size in bytes and the hex SHA-256 of its bytes.
type File struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// Validate checks path, size and digest.
func (f File) Validate() error {
	if err := CheckPath(f.Path); err != nil {
		return err
	}
	if f.Size < 0 || f.Size > MaxFileBytes {
		return fmt.Errorf("file %q: size %d: expected 0 to %d bytes", f.Path, f.Size, int64(MaxFileBytes))
	}
	if _, err := ParseDigest(f.SHA256); err != nil {
		return fmt.Errorf("file %q: %w", f.Path, err)
	}
	if (f.Size == 0) != (f.SHA256 == emptySHA256) {
		return fmt.Errorf("file %q: size %d does not go with the digest %s", f.Path, f.Size, f.SHA256)
	}
	return nil
}

// CheckPath refuses every path that could leave the directory it is used in, or harm whoever prints it: absolute paths,
// empty, "." and ".." elements, backslashes (a separator on Windows), control characters (terminal escapes), invalid
// UTF-8, and overlong or too deep paths.
func CheckPath(path string) error {
	switch {
	case path == "":
		return fmt.Errorf("path: expected a name, got nothing")
	case len(path) > MaxPathBytes:
		return fmt.Errorf("path %q: longer than %d bytes", clip(path), MaxPathBytes)
	case !utf8.ValidString(path):
		return fmt.Errorf("path %q: not valid UTF-8", clip(path))
	case strings.HasPrefix(path, "/"):
		return fmt.Errorf("path %q: expected a relative path", clip(path))
	case strings.Count(path, "/") >= MaxPathDepth:
		return fmt.Errorf("path %q: deeper than %d levels", clip(path), MaxPathDepth)
	}
	for _, r := range path {
		if r < 0x20 || (r >= 0x7f && r < 0xa0) || r == '\\' {
			return fmt.Errorf("path %q: control characters and backslashes are refused", clip(path))
		}
	}
	for name := range strings.SplitSeq(path, "/") {
		switch {
		case name == "", name == ".", name == "..":
			return fmt.Errorf("path %q: empty, \".\" and \"..\" elements are refused", clip(path))
		case len(name) > MaxNameBytes:
			return fmt.Errorf("path %q: a name is longer than %d bytes", clip(path), MaxNameBytes)
		}
	}
	return nil
}

// SortFiles sorts by path, bytewise, as the canonical form demands.
func SortFiles(files []File) {
	sort.Slice(files, func(i, j int) bool { return files[i].Path < files[j].Path })
}

// ValidateFiles checks each file, their order, that no path occurs twice or is both a file and a directory, and that one
// digest has one size. Sizes are added up without overflow; it returns the total in bytes.
func ValidateFiles(files []File, most int) (total int64, err error) {
	if len(files) > most {
		return 0, fmt.Errorf("%d files: the most is %d", len(files), most)
	}
	sizes := make(map[string]int64, len(files))
	names := make(map[string]struct{}, len(files))
	for i, f := range files {
		if err := f.Validate(); err != nil {
			return 0, err
		}
		if i > 0 && files[i-1].Path >= f.Path {
			return 0, fmt.Errorf("file %q: files must be sorted by path, each path once", f.Path)
		}
		if size, seen := sizes[f.SHA256]; seen && size != f.Size {
			return 0, fmt.Errorf("file %q: another file has the same digest and another size", f.Path)
		}
		sizes[f.SHA256] = f.Size
		names[f.Path] = struct{}{}
		if total += f.Size; total > MaxInt {
			return 0, fmt.Errorf("the files together are larger than %d bytes", int64(MaxInt))
		}
	}
	for _, f := range files {
		for dir := f.Path; ; {
			cut := strings.LastIndexByte(dir, '/')
			if cut < 0 {
				break
			}
			dir = dir[:cut]
			if _, isFile := names[dir]; isFile {
				return 0, fmt.Errorf("path %q is a file and, for %q, a directory", dir, f.Path)
			}
		}
	}
	return total, nil
}

// MarshalManifest returns the canonical bytes of a valid, sorted list of inputs.
func MarshalManifest(files []File) ([]byte, error) {
	if _, err := ValidateFiles(files, MaxInputs); err != nil {
		return nil, fmt.Errorf("inputs: %w", err)
	}
	return marshal(orEmpty(files))
}

func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
