package jobclient

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cosmossdk.io/math"

	"github.com/edgematrix/emc/pkg/job"
)

// A folder with any record is listed, or named as a problem, and keeps no other
// from being listed. A record that is read belongs to its folder, has a key and
// a specification, and survives being saved.
func FuzzRecord(f *testing.F) {
	const id = "000102030405060708090a0b0c0d0e0f"
	spec, err := job.MarshalSpec(job.Spec{
		Version: 1, ChainID: "emc-fuzz-1", App: "app", AppDigest: strings.Repeat("ab", 32), Limits: job.DefaultLimits(), MaxSeconds: 60,
	})
	if err != nil {
		f.Fatal(err)
	}
	good := Record{
		Version: recordVersion, ID: id, ChainID: "emc-fuzz-1", App: "app", AccessKey: hex.EncodeToString(bytes.Repeat([]byte{7}, 32)), PublicKey: "02",
		Spec: string(spec), Fees: math.NewInt(5), Price: math.ZeroInt(), Refund: math.ZeroInt(), Endpoints: []string{"/ip4/127.0.0.1/tcp/1"},
		NodeKey: "02" + strings.Repeat("07", 32), Receipt: &Receipt{Reason: "exited"}, Files: []LocalFile{{Path: "/a", Size: 1, SHA256: strings.Repeat("ab", 32)}},
	}
	whole, err := json.Marshal(good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	for _, cut := range [][2]string{
		{id, strings.Repeat("0", 32)}, {id, ""}, {id, "../../../../x"}, {`"version":1`, `"version":2`}, {strings.Repeat("07", 32), strings.Repeat("00", 32)},
		{strings.Repeat("07", 32), "07"}, {`"fees":"5"`, `"fees":null`}, {`"fees":"5"`, `"fees":"-5"`}, {`"fees":"5"`, `"fees":"x"`}, {`emc-fuzz-1`, `\u001b[2J`},
		{`"node_key":"02`, `"node_key":"09`},
	} {
		f.Add([]byte(strings.Replace(string(whole), cut[0], cut[1], 1)))
	}
	f.Add([]byte("{}"))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		other := good
		other.ID = strings.Repeat("f", 32)
		s := NewStore(dir)
		if err := s.Create(&other); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(dir, id), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, id, recordFile), data, 0o600); err != nil {
			t.Fatal(err)
		}
		records, problems := s.List()
		if len(records)+len(problems) != 2 || len(records) == 0 {
			t.Fatalf("%d records, problems: %v", len(records), problems)
		}
		r, err := s.Load(id)
		if (err == nil) != (len(records) == 2) {
			t.Fatalf("the list has %d records, the job alone: %v", len(records), err)
		}
		if err != nil {
			return
		}
		if r.ID != id {
			t.Fatalf("the record of %q lies in the folder of %s", r.ID, id)
		}
		if _, err := r.key(); err != nil {
			t.Fatal(err)
		}
		_, _ = r.target()
		before, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Save(r); err != nil {
			t.Fatal(err)
		}
		back, err := s.Load(id)
		if err != nil {
			t.Fatalf("a record that was saved cannot be read: %v", err)
		}
		if after, err := json.Marshal(back); err != nil || !bytes.Equal(before, after) {
			t.Fatalf("%s\nbecame\n%s (%v)", before, after, err)
		}
	})
}
