package netlab

import (
	"errors"
	"fmt"
	"strings"
)

// million is how finely loss is told.
const million = 1_000_000

// Partition cuts hosts of different groups off from each other: what one sends to the
// other vanishes. Who is in no group reaches all. It replaces the partition before.
func (l *Lab) Partition(groups ...[]*Host) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := map[*Host]bool{}
	for _, group := range groups {
		for _, h := range group {
			if h.lab != l || seen[h] {
				return errors.New("a host is in one group at most, and of this lab: " + h.Name)
			}
			seen[h] = true
		}
	}
	l.groups = groups
	return l.applyRules()
}

// Heal ends the partition.
func (l *Lab) Heal() error { return l.Partition() }

// applyRules puts the internet's rules in the place of those before, at once. The
// lab's lock is held.
func (l *Lab) applyRules() error {
	return l.core.nft(l.ctx, "table ip internet {}\ndelete table ip internet\n"+l.rules())
}

// rules are what the internet drops. A packet is lost on each line of its way by itself.
func (l *Lab) rules() string {
	var b strings.Builder
	b.WriteString("table ip internet {\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy accept;\n")
	for i, from := range l.groups {
		for j, to := range l.groups {
			if i != j && len(from) > 0 && len(to) > 0 {
				fmt.Fprintf(&b, "\t\tip saddr { %s } ip daddr { %s } drop\n", addresses(from), addresses(to))
			}
		}
	}
	for _, h := range l.hosts {
		if k := h.link; k.loss > 0 {
			for _, way := range []string{"iifname", "oifname"} {
				lost := ""
				if part := int(k.loss*million + 0.5); part < million { // nft refuses what is always true
					lost = fmt.Sprintf("numgen random mod %d < %d ", million, part)
				}
				fmt.Fprintf(&b, "\t\t%s { %q, %q } %sdrop\n", way, k.veth(), k.tun(), lost)
			}
		}
	}
	b.WriteString("\t}\n}\n")
	return b.String()
}

func addresses(hosts []*Host) string {
	var out []string
	for _, h := range hosts {
		out = append(out, h.public.String())
	}
	return strings.Join(out, ", ")
}
