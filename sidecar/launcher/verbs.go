package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// upgradeOptions is what `upgrade` was told.
type upgradeOptions struct {
	socket  string
	command Command
	probe   *probeURL
	hold    bool
}

// pairs collects K=V options.
type pairs map[string]string

func (p pairs) String() string { return "" }

func (p pairs) Set(text string) error {
	name, value, found := strings.Cut(text, "=")
	if !found || name == "" {
		return fmt.Errorf("%q is not NAME=VALUE", text)
	}
	p[name] = value
	return nil
}

func parseUpgrade(args []string, getenv func(string) string) (upgradeOptions, error) {
	o := upgradeOptions{command: Command{Command: "start", Env: map[string]string{}}}
	var exec, replace, sum string
	flags := newFlags("upgrade")
	socketFlag(flags, &o.socket, getenv)
	flags.StringVar(&exec, "exec", "", "`FILE`: what to run in place of the command's program")
	flags.StringVar(&replace, "replace", "", "`WORD=FILE`: put the file in the place of this word of the command")
	flags.StringVar(&sum, "sha256", "", "`HEX`: the digest that the file must have; without it, what it has now")
	flags.Var(pairs(o.command.Env), "env", "`NAME=VALUE`: for the new process; may be given several times")
	flags.Func("probe", "`URL`: what the new process must answer with 200 to 399 before it gets a user", func(text string) error {
		u, err := parseProbe(text)
		o.probe = &u
		return err
	})
	flags.BoolVar(&o.hold, "hold", false, "stop before the flip: weight, promote and rollback go on")
	flags.StringVar(&o.command.Handoff.StopSignal, "stop-signal", "", "`SIGNAL`: as for run, whose value is the default")
	for name, field := range map[string]**float64{
		"ready-timeout": &o.command.Handoff.ReadyTimeoutSeconds, "drain": &o.command.Handoff.DrainSeconds,
		"lame-duck": &o.command.Handoff.LameDuckSeconds, "rollback-window": &o.command.Handoff.RollbackWindowSeconds,
	} {
		flags.Var(&duration{set: func(d time.Duration) { seconds := d.Seconds(); *field = &seconds }}, name, "`TIME`: as for run, whose value is the default")
	}
	words, err := parseMixed(flags, args)
	switch {
	case err != nil:
		return o, err
	case len(words) == 1 && exec == "" && replace == "":
		exec = words[0]
	case len(words) > 0:
		return o, fmt.Errorf("cannot upgrade: %q is too much; --exec FILE names the new program", words)
	case exec != "" && replace != "":
		return o, errors.New("cannot upgrade: --exec and --replace exclude each other")
	}
	return o, o.program(exec, replace, sum)
}

// program fills in the file and its digest.
func (o *upgradeOptions) program(exec, replace, sum string) error {
	word, name := "", exec
	if replace != "" {
		var found bool
		if word, name, found = strings.Cut(replace, "="); !found || name == "" {
			return fmt.Errorf("cannot upgrade: --replace %q is not WORD=FILE", replace)
		}
	}
	if name == "" && sum != "" {
		return errors.New("cannot upgrade: --sha256 needs the file that has it; --exec FILE or --replace WORD=FILE")
	}
	if name == "" {
		return nil
	}
	if raw, err := hex.DecodeString(sum); err != nil || sum != "" && len(raw) != sha256.Size {
		return fmt.Errorf("cannot upgrade: --sha256 %q is not %d hexadecimal digits", sum, 2*sha256.Size)
	}
	absolute, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	file, err := os.Open(absolute)
	if err != nil {
		return fmt.Errorf("cannot upgrade: %w", err)
	}
	defer file.Close()
	if sum == "" {
		if sum, err = digest(file); err != nil {
			return err
		}
	}
	o.command.Program = &Program{File: absolute, SHA256: sum, Replaces: word}
	o.command.Revision = strings.ToLower(sum)[:min(16, len(sum))]
	return nil
}

// mainUpgrade starts an upgrade, proves the new process, flips, and returns when it serves.
func mainUpgrade(args []string) int {
	o, err := parseUpgrade(args, os.Getenv)
	if err != nil {
		return usageError(err)
	}
	c, err := dial(o.socket)
	if err != nil {
		return fail(err)
	}
	id := fmt.Sprintf("cli-%d-%d", selfPID, time.Now().UnixNano())
	o.command.Upgrade, o.command.AutoPromote = id, !o.hold
	s, err := c.call(o.command)
	if err == nil {
		s, err = c.waitWhile(s, func(s *LauncherStatus) bool { return s.Upgrade.ID == id && s.Upgrade.State == UpgradeStarting })
	}
	if err == nil && o.probe != nil && s.Upgrade.State == UpgradeListening {
		var why error
		if s, why = c.probeUntil(*o.probe, s, defaultHandoff.over(o.command.Handoff).ready); why != nil {
			s, err = c.call(Command{Command: "rollback", Upgrade: id, Reason: TakenBackProbeFailed, Message: why.Error()})
		}
	}
	if err == nil && !o.hold && s.Upgrade.State == UpgradeListening {
		all := 100
		next, flipErr := c.call(Command{Command: "weight", Upgrade: id, Weight: &all})
		if flipErr != nil { // it may have ended between the probe and the flip: its reason says more
			next, err = c.call(Command{Command: "status"})
			if err == nil && next.Upgrade.State != UpgradeRolledBack {
				err = flipErr
			}
		}
		s = next
	}
	switch {
	case err != nil:
		return fail(err)
	case s.Upgrade.State == UpgradeRolledBack:
		return fail(fmt.Errorf("%s: %s; the old version serves", s.Upgrade.Reason, s.Upgrade.Message))
	}
	fmt.Printf("%s: process generation %d listened after %.1f ms; ", s.Upgrade.State, s.Upgrade.Generation, s.Upgrade.ListenMS)
	if o.hold {
		fmt.Println("weight, promote and rollback go on")
	} else {
		fmt.Printf("flip %.3f ms\n", s.Upgrade.FlipMS)
	}
	return 0
}

// mainCommand carries out status, weight, promote and rollback.
func mainCommand(verb string, args []string) int {
	flags := newFlags(verb)
	var socket string
	socketFlag(flags, &socket, os.Getenv)
	asJSON := verb == "status"
	if asJSON {
		flags.BoolVar(&asJSON, "json", false, "print the status as JSON")
	}
	words, err := parseMixed(flags, args)
	if err != nil {
		return usageError(err)
	}
	command := Command{Command: verb}
	if verb == "weight" {
		n, err := strconv.Atoi(strings.Join(words, " "))
		if err != nil || n < 0 || n > 100 {
			return usageError(errors.New("cannot set the weight: weight N is right, with N from 0 to 100"))
		}
		command.Weight = &n
	} else if len(words) > 0 {
		return usageError(fmt.Errorf("cannot carry out %s: %q is too much", verb, words))
	}
	c, err := dial(socket)
	if err != nil {
		return fail(err)
	}
	if verb != "status" {
		if command.Upgrade, err = c.upgradeOf(); err != nil {
			return fail(err)
		}
	}
	s, err := c.call(command)
	if err != nil {
		return fail(err)
	}
	return show(s, asJSON)
}

func show(s *LauncherStatus, asJSON bool) int {
	if asJSON {
		if err := json.NewEncoder(os.Stdout).Encode(s); err != nil {
			return fail(err)
		}
		return 0
	}
	fmt.Printf("mode %s (%s), revision %s, %d restarts\n", s.Mode, s.Reason, s.Revision, s.Restarts)
	for _, g := range s.Generations {
		fmt.Printf("  process generation %d: %s", g.Number, g.State)
		if g.Exit != "" {
			fmt.Printf(" (%s)\n", g.Exit)
			continue
		}
		fmt.Printf(", pid %d, weight %d %%, %d MiB\n", g.PID, g.Weight, g.RSSBytes>>20)
		for _, socket := range g.Sockets {
			fmt.Printf("    %s slot %d, probe ports %d to %d, %d queued\n", socket.Address, socket.Slot, socket.ProbePorts[0], socket.ProbePorts[1], socket.Queued)
		}
	}
	if u := s.Upgrade; u != nil {
		fmt.Println(strings.TrimRight(fmt.Sprintf("  upgrade %s: %s %s %s", u.ID, u.State, u.Reason, u.Message), " "))
	}
	return 0
}
