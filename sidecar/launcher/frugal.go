package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// What `run` and `supervise` do to stay small: each pod pays for every page of theirs, for good.

const (
	procsVariable    = "GOMAXPROCS"
	appProcsVariable = "HOTUPGRADE_APP_" + procsVariable // "=VALUE", or "" where the app has none
	gcPercent        = 25                                // a collection at 1 MiB instead of at 4
	restAfter        = 500 * time.Millisecond            // after the last change
)

// frugal starts this program once more with one processor: Go's runtime makes its tables for every
// core of the node at its start, some 60 KiB each, and gives nothing of it back later.
func frugal() {
	debug.SetGCPercent(gcPercent)
	if _, again := os.LookupEnv(appProcsVariable); again {
		return
	}
	mark := ""
	if value, found := os.LookupEnv(procsVariable); found {
		mark = "=" + value
	}
	env := override(os.Environ(), []string{procsVariable + "=1", appProcsVariable + "=" + mark})
	self, err := os.Executable()
	if err == nil {
		err = unix.Exec(self, os.Args, env)
	}
	log("cannot start anew with one processor", "error", err.Error()) // bigger, but the app must run
}

// rest gives back what only the start or an upgrade needed: the heap, and the pages of the program's
// own file, which the kernel maps in again where one is used.
func rest() {
	debug.FreeOSMemory()
	self, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for _, m := range fileMappings(maps, self) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED)
	}
}

type mapping struct{ from, to uintptr }

// fileMappings are those of the file that cannot be written: they hold nothing but the file;
// proc_pid_maps(5). Pure, and done before the first page goes: it would bring pages back.
func fileMappings(maps []byte, file string) (found []mapping) {
	for line := range bytes.Lines(maps) {
		var m mapping
		var flags string
		if n, _ := fmt.Sscanf(string(line), "%x-%x %s", &m.from, &m.to, &flags); n == 3 &&
			!strings.Contains(flags, "w") && bytes.HasSuffix(line, []byte(" "+file+"\n")) {
			found = append(found, m)
		}
	}
	return found
}
