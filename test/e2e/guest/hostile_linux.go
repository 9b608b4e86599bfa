package main

import (
	"errors"
	"fmt"
)

// hostile are the verbs for a container.
func hostile() map[string]func(string) error {
	return map[string]func(string) error{
		"sleep":    sleep,
		"stubborn": stubborn,
		"orphans":  orphans,
		"forkbomb": forkbomb,
		"fill":     fill,
		"inodes":   inodes,
		"chatter":  chatter,
		"sparse":   sparse,
		"litter":   litter,
		"network":  network,
		"listen":   listen,
		"proxied":  proxied,
		"escape":   escape,
		"whoami":   whoami,
	}
}

// attempts is what a program tried that it must not be able to do.
type attempts struct{ reached []string }

// refused notes an attempt, which ought to have failed.
func (a *attempts) refused(what string, err error) {
	if err != nil {
		fmt.Printf("%s: %v\n", what, err)
		return
	}
	a.reach(what)
}

// reach notes that something was possible.
func (a *attempts) reach(what string) {
	fmt.Println("REACHED", what)
	a.reached = append(a.reached, what)
}

func (a *attempts) verdict() error {
	if len(a.reached) > 0 {
		return errors.New("something was reached")
	}
	fmt.Println("nothing was reached")
	return nil
}
