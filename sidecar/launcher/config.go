package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
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
	flags := newFlags("run", "[OPTIONS] -- COMMAND [ARG...]")
	onExit := "restart"
	flags.StringVar(&c.socket, "socket", getenv(socketVariable), "Unix `path` to take commands on ("+socketVariable+")")
	flags.StringVar(&c.mode, "mode", "auto", "auto, transparent, activation or signal")
	flags.StringVar(&c.store, "store", c.store, "`directory` with the committed revision ("+storeVariable+")")
	flags.StringVar(&onExit, "on-exit", onExit, "when the app ends: restart it with back-off, or exit with its status")
	flags.DurationVar(&c.handoff.window, "rollback-window", c.handoff.window, "how long the old process stays warm after the flip")
	flags.DurationVar(&c.handoff.drain, "drain", c.handoff.drain, "from the stop signal to SIGKILL")
	flags.DurationVar(&c.handoff.lameDuck, "lame-duck", 0, "how long a drained process may keep its connections unsignalled")
	flags.StringVar(&c.handoff.stop, "stop-signal", c.handoff.stop, "the `signal` that stops the app gracefully")
	flags.Var(&c.peers, "peer-uid", "a `UID` that may send commands, or any ("+peerUIDsVariable+")")
	if text := getenv(peerUIDsVariable); text != "" {
		if err := c.peers.Set(text); err != nil {
			return c, fmt.Errorf("cannot read %s: %w", peerUIDsVariable, err)
		}
	}
	if err := flags.Parse(args); err != nil {
		return c, err
	}
	c.argv = flags.Args()
	if len(c.argv) == 0 {
		return c, errors.New("cannot run: no command; hotupgrade-launcher run [OPTIONS] -- COMMAND [ARG...]")
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
	for _, d := range []time.Duration{h.ready, h.drain, h.lameDuck, h.window} {
		if d < 0 {
			return fmt.Errorf("cannot take %v: a time is not negative", d)
		}
	}
	return nil
}

// newFlags makes a flag set whose errors are returned, with a usage line of its own.
func newFlags(verb, synopsis string) *flag.FlagSet {
	flags := flag.NewFlagSet(verb, flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintf(os.Stderr, "hotupgrade-launcher %s %s\n", verb, synopsis)
		flags.PrintDefaults()
	}
	return flags
}

// usageError reports what parsing said; asking for help is no error.
func usageError(err error) int {
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintln(os.Stderr, "hotupgrade-launcher:", err)
	return 2
}
