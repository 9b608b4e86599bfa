package daemon

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"cosmossdk.io/math"

	computetypes "github.com/edgematrix/emc/x/compute/types"
)

// earnings is a list of what was paid for each job, to the operator. The chain
// forgets closed jobs after their retention; this file does not. A line is
// added before the job is settled, so that a crash can repeat a line and never
// lose one; repeated ones count once.
type earnings struct {
	mu    sync.Mutex
	file  *os.File
	seen  map[string]bool
	total math.Int
}

type earning struct {
	Job    string    `json:"job"`
	Status string    `json:"status"`
	Uemc   string    `json:"uemc"`
	Closed time.Time `json:"closed"`
}

// Earned is what all jobs together paid.
type Earned struct {
	Jobs int      `json:"jobs"`
	Uemc math.Int `json:"uemc"`
}

// ReadEarnings adds a file up. A file that is not there is nothing earned.
func ReadEarnings(path string) (Earned, error) {
	seen, total, err := readEarnings(path)
	return Earned{Jobs: len(seen), Uemc: total}, err
}

func readEarnings(path string) (map[string]bool, math.Int, error) {
	seen, total := map[string]bool{}, math.ZeroInt()
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return seen, total, nil
	}
	if err != nil {
		return seen, total, err
	}
	defer f.Close()
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return seen, total, err
		}
		if job, paid, ok := earned(line); ok && !seen[job] {
			seen[job] = true
			total = total.Add(paid)
		}
		if err != nil {
			return seen, total, nil
		}
	}
}

// earned reads one line. One that a crash cut short comes again; one that no
// job can have paid is damage, and must not be added up.
func earned(line []byte) (job string, paid math.Int, ok bool) {
	var e earning
	if json.Unmarshal(line, &e) != nil {
		return "", math.Int{}, false
	}
	paid, ok = math.NewIntFromString(e.Uemc)
	return e.Job, paid, ok && paid.IsInt64() && !paid.IsNegative()
}

func openEarnings(path string) (*earnings, error) {
	seen, total, err := readEarnings(path)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	return &earnings{file: f, seen: seen, total: total}, err
}

func (e *earnings) add(j computetypes.Job) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !j.Paid.IsPositive() || e.seen[j.Id] {
		return nil
	}
	line, err := json.Marshal(earning{Job: j.Id, Status: computetypes.StatusWord(j.Status), Uemc: j.Paid.Amount.String(), Closed: time.Unix(j.ClosedAt, 0).UTC()})
	if err != nil {
		return err
	}
	// The line break comes first: it ends what a crash may have cut short.
	if _, err := e.file.Write(append([]byte{'\n'}, append(line, '\n')...)); err != nil {
		return err
	}
	e.seen[j.Id] = true
	e.total = e.total.Add(j.Paid.Amount)
	return nil
}

func (e *earnings) earned() Earned {
	e.mu.Lock()
	defer e.mu.Unlock()
	return Earned{Jobs: len(e.seen), Uemc: e.total}
}

func (e *earnings) Close() error {
	if e.file == nil {
		return nil
	}
	return e.file.Close()
}
