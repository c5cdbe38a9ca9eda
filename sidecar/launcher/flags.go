package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// newFlags makes a flag set that says nothing by itself: parse does.
func newFlags(verb string) *flag.FlagSet {
	flags := flag.NewFlagSet(verb, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.Usage = func() {}
	return flags
}

// synopses are what stands behind each verb.
var synopses = map[string]string{
	"run": "[OPTIONS] -- COMMAND [ARG...]", "supervise": "[OPTIONS] -- COMMAND [ARG...]",
	"upgrade": "[--exec FILE | --replace WORD=FILE] [OPTIONS]", "status": "[--json]", "weight": "N",
}

// help lists the options of a verb. Their texts begin with the name of the value: "`FILE`: ...".
func help(flags *flag.FlagSet) {
	fmt.Printf("hotupgrade-launcher %s %s\n", flags.Name(), synopses[flags.Name()])
	flags.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		text = strings.TrimPrefix(text, value+": ")
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" {
			text += " (default " + f.DefValue + ")"
		}
		fmt.Printf("  --%-16s %-10s %s\n", f.Name, value, text)
	})
}

// parse reads the options of a verb; the error says where help is.
func parse(flags *flag.FlagSet, args []string) error {
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		help(flags)
		return err
	}
	if err != nil { // package flag writes one dash, we two
		why := strings.NewReplacer("flag -", "--", "not defined: -", "not defined: --").Replace(err.Error())
		return fmt.Errorf("cannot %s: %s; `%s --help` lists the options", flags.Name(), why, flags.Name())
	}
	return nil
}

// parseMixed takes options and words in any order, as people type them; the words are returned.
func parseMixed(flags *flag.FlagSet, args []string) (words []string, err error) {
	for err = parse(flags, args); err == nil && flags.NArg() > 0; err = parse(flags, args) {
		words, args = append(words, flags.Arg(0)), flags.Args()[1:]
	}
	return words, err
}

// usageError reports what parsing said; asking for help is no error.
func usageError(err error) int {
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	fmt.Fprintln(os.Stderr, "hotupgrade-launcher:", err)
	return 2
}

// duration is an option such as 30s; set is called with what was read.
type duration struct {
	now time.Duration
	set func(time.Duration)
}

func (d *duration) String() string {
	if d.set == nil || d.now == 0 {
		return "" // of flag's own making, or nothing to tell
	}
	return d.now.String()
}

func (d *duration) Set(text string) error {
	value, err := time.ParseDuration(text)
	if err != nil {
		return errors.New("not a duration; 500ms, 30s and 2m are")
	}
	if value < 0 || value > maxTime {
		return fmt.Errorf("not between 0s and %v", maxTime)
	}
	d.set(value)
	return nil
}

// socketFlag adds --socket, an option of every verb.
func socketFlag(flags *flag.FlagSet, socket *string, getenv func(string) string) {
	flags.StringVar(socket, "socket", cmp.Or(getenv(socketVariable), defaultSocket(getenv)), "`PATH`: the launcher's Unix socket ("+socketVariable+")")
}

// defaultSocket is this user's own: outside a pod, one launcher needs no --socket.
func defaultSocket(getenv func(string) string) string {
	if folder := getenv("XDG_RUNTIME_DIR"); folder != "" {
		return filepath.Join(folder, "hotupgrade.sock")
	}
	return filepath.Join(os.TempDir(), "hotupgrade-"+strconv.Itoa(os.Getuid())+".sock")
}
