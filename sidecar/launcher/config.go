package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Environment variables that stand for options: injection sets them.
const (
	socketVariable   = "HOTUPGRADE_SOCKET"
	storeVariable    = "HOTUPGRADE_STORE"
	imageVariable    = "HOTUPGRADE_IMAGE"
	peerUIDsVariable = "HOTUPGRADE_PEER_UIDS"
)

// config is what `run` was told.
type config struct {
	argv    []string
	socket  string // "": no commands
	asked   bool   // for this socket; else it is the default
	mode    string // auto, transparent
	handoff handoff
	store   string // "": none
	image   string // the container's image string, half of the base
	peers   peers
	restart bool // a crashed app is started again; else the launcher exits with its status
}

// peers says which UIDs may command over the socket; the launcher's own and root always may.
type peers struct {
	any  bool
	uids []uint32
}

func (p *peers) String() string { return "" }

// Set reads "any" or UIDs with commas between.
func (p *peers) Set(text string) error {
	for word := range strings.SplitSeq(text, ",") {
		if word == "any" {
			p.any = true
			continue
		}
		uid, err := strconv.ParseUint(word, 10, 32)
		if err != nil {
			return fmt.Errorf("%q is neither a UID nor `any`", word)
		}
		p.uids = append(p.uids, uint32(uid))
	}
	return nil
}

// parseRun reads the options of `run`. Every error says what would be right.
func parseRun(args []string, getenv func(string) string) (config, error) {
	c := config{store: getenv(storeVariable), image: getenv(imageVariable), handoff: defaultHandoff}
	flags := newFlags("run")
	onExit := "restart"
	socketFlag(flags, &c.socket, getenv)
	flags.StringVar(&c.mode, "mode", "auto", "`MODE`: auto, transparent, activation or signal")
	flags.StringVar(&c.store, "store", c.store, "`DIRECTORY`: the store with the committed revision ("+storeVariable+")")
	flags.StringVar(&onExit, "on-exit", onExit, "`WHAT`: when the app ends, restart it with back-off, or exit with its status")
	for name, option := range map[string]struct {
		field *time.Duration
		text  string
	}{
		"rollback-window": {&c.handoff.window, "how long the old process stays warm after the flip"},
		"drain":           {&c.handoff.drain, "from the stop signal to SIGKILL"},
		"lame-duck":       {&c.handoff.lameDuck, "how long a drained process may keep its connections unsignalled"},
	} {
		flags.Var(&duration{*option.field, func(d time.Duration) { *option.field = d }}, name, "`TIME`: "+option.text)
	}
	flags.StringVar(&c.handoff.stop, "stop-signal", c.handoff.stop, "`SIGNAL`: what stops the app gracefully")
	flags.Var(&c.peers, "peer-uid", "`UIDS`: who may send commands beside root and the launcher's own, or any ("+peerUIDsVariable+")")
	if text := getenv(peerUIDsVariable); text != "" {
		if err := c.peers.Set(text); err != nil {
			return c, fmt.Errorf("cannot read %s: %w", peerUIDsVariable, err)
		}
	}
	if err := parse(flags, args); err != nil {
		return c, err
	}
	c.argv = flags.Args()
	c.asked = getenv(socketVariable) != "" || flags.Lookup("socket").DefValue != c.socket
	if len(c.argv) == 0 {
		return c, errors.New("cannot run: no command; run [OPTIONS] -- COMMAND [ARG...] is right")
	}
	switch c.mode {
	case "auto", "transparent":
	case "activation", "signal":
		return c, fmt.Errorf("cannot run in mode %s: not yet; auto and transparent are there", c.mode)
	default:
		return c, fmt.Errorf("cannot run in mode %q: auto, transparent, activation and signal are the modes", c.mode)
	}
	if onExit != "restart" && onExit != "exit" {
		return c, fmt.Errorf("cannot take --on-exit %q: restart or exit", onExit)
	}
	c.restart = onExit == "restart"
	return c, c.handoff.check()
}

// check refuses what no hand-over can do.
func (h handoff) check() error {
	if unix.SignalNum(h.stop) == 0 {
		return fmt.Errorf("cannot stop the app by %q: not a signal; SIGTERM, SIGQUIT, ... are", h.stop)
	}
	return nil
}
