package docker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// imageRecord is an image that this runtime loaded or pulled: only these are
// ever removed.
type imageRecord struct {
	// Key is what tasks ask for: an archive's digest, or a repository with one.
	Key string `json:"key"`
	// ID is the Engine's id of the image.
	ID string `json:"id"`
	// Ref is the name that this runtime gave it, by which it is removed.
	Ref string `json:"ref"`
	// Foreign images were in the Engine before, and stay.
	Foreign bool      `json:"foreign,omitempty"`
	Bytes   int64     `json:"bytes"`
	Used    time.Time `json:"used"`
}

const (
	imageListName = "images.json"
	// maxImageList bounds a file that this program wrote itself.
	maxImageList = 16 << 20
)

// imageList is the list on disk. Its user holds a lock.
type imageList struct {
	path    string
	records []imageRecord
}

// readImageList reads what is there. A list that cannot be understood is as
// good as none: images stay in the Engine, and none of them is removed.
func readImageList(stateDir string) (imageList, error) {
	l := imageList{path: filepath.Join(stateDir, imageListName)}
	st, err := os.Stat(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err != nil {
		return l, err
	}
	if st.Size() > maxImageList {
		return l, fmt.Errorf("%s has %d bytes", l.path, st.Size())
	}
	text, err := os.ReadFile(l.path)
	if err != nil {
		return l, err
	}
	if err := json.Unmarshal(text, &l.records); err != nil {
		l.records = nil
		return l, fmt.Errorf("%s is damaged: %w", l.path, err)
	}
	return l, nil
}

func (l *imageList) find(key string) (imageRecord, bool) {
	i := slices.IndexFunc(l.records, func(r imageRecord) bool { return r.Key == key })
	if i < 0 {
		return imageRecord{}, false
	}
	return l.records[i], true
}

// put replaces the record with the same key.
func (l *imageList) put(r imageRecord) error {
	l.records = append(slices.DeleteFunc(l.records, func(o imageRecord) bool { return o.Key == r.Key }), r)
	return l.write()
}

func (l *imageList) drop(key string) error {
	l.records = slices.DeleteFunc(l.records, func(o imageRecord) bool { return o.Key == key })
	return l.write()
}

// write replaces the file at once.
func (l *imageList) write() error {
	text, err := json.MarshalIndent(l.records, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(l.path), ".images-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(append(text, '\n'))
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return os.Rename(tmp.Name(), l.path)
}

// oldest returns what has to go so that the rest takes at most limit bytes:
// the least recently used first, and none that is in use.
func (l *imageList) oldest(limit int64, inUse func(key string) bool) []imageRecord {
	var own []imageRecord
	var total int64
	counted := map[string]bool{} // two archives may hold one image
	for _, r := range l.records {
		if r.Foreign {
			continue
		}
		own = append(own, r)
		if !counted[r.ID] {
			counted[r.ID] = true
			total += r.Bytes
		}
	}
	slices.SortFunc(own, func(a, b imageRecord) int { return a.Used.Compare(b.Used) })
	var gone []imageRecord
	for _, r := range own {
		if total <= limit {
			break
		}
		if !inUse(r.Key) {
			gone = append(gone, r)
			total -= r.Bytes
		}
	}
	return gone
}
