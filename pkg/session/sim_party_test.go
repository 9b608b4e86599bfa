package session_test

import (
	"log/slog"
	"time"

	"github.com/edgematrix/emc/pkg/session/ledger"
)

// party is what all processes have: a ledger, crashes, and lives.
type party struct {
	*world
	name  string
	store *ledger.Memory
	down  bool
	dead  bool // for good
	life  int
	kills int
	boot  func()
}

func (w *world) newParty(name string) party {
	p := party{world: w, name: name, store: ledger.NewMemory()}
	p.store.Keep(func(queued int) int { return w.rng.Intn(queued + 1) })
	if w.forgetful {
		p.store.Forgetful()
	}
	if w.party == name {
		p.store.CrashIn(w.batch, w.after)
	}
	return p
}

// arm lets a new life end at one of its next batches.
func (p *party) arm() {
	if p.chance(p.crash) {
		p.store.CrashIn(1+p.rng.Intn(25), p.rng.Intn(2) == 0)
	}
}

// crashed notices that the ledger went down, and plans the next life.
func (p *party) crashed() bool {
	if p.down {
		return true
	}
	if !p.store.Crashed() {
		return false
	}
	p.down = true
	p.kills++
	p.life++
	if p.fatal == p.name {
		p.dead = true
		return true
	}
	p.in(time.Duration(50+p.rng.Intn(1500))*time.Millisecond, p.restart)
	return true
}

func (p *party) restart() {
	if !p.down || p.dead {
		return
	}
	p.down = false
	p.store.Restart()
	p.arm()
	p.boot()
}

// die ends a party for good.
func (p *party) die() {
	if !p.down {
		p.store.Crash()
	}
	p.down, p.dead = true, true
	p.life++
}

// later does something in this life only.
func (p *party) later(d time.Duration, do func()) {
	life := p.life
	p.in(d, func() {
		if p.life == life && !p.down {
			do()
			p.crashed()
		}
	})
}

var quiet = slog.New(slog.DiscardHandler)
