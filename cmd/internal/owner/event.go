package owner

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/edgematrix/emc/pkg/feed"
)

// PrintEvent prints each event in a line: for people with the time of this machine, or
// as JSON.
func PrintEvent(out io.Writer, asJSON bool) func(feed.Event) error {
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	return func(e feed.Event) error {
		if asJSON {
			return lines.Encode(struct {
				Event string          `json:"event"`
				Data  json.RawMessage `json:"data"`
			}{e.Kind, e.Data})
		}
		_, err := fmt.Fprintf(out, "%s %-8s %s\n", time.Now().Format(time.TimeOnly), e.Kind, e.Data)
		return err
	}
}
