package main

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	memoryPoll    = 10 * time.Millisecond
	memoryPercent = 95 // of the limit: cgroup v2 kills the whole container at 100
)

// watchMemory ends one of two processes before the kernel ends the container, for as long as both
// live: the new one until it is promoted, then the old one.
func (l *Launcher) watchMemory(u *upgrade) {
	cgroup := containerCgroup()
	if cgroup.limit() <= 0 {
		return
	}
	tick := time.NewTicker(memoryPoll)
	defer tick.Stop()
	for l.bothLive(u) {
		select {
		case <-u.new.gone:
			return
		case <-tick.C:
		}
		if used, limit := cgroup.used(), cgroup.limit(); tooFull(used, limit) {
			l.outOfMemory(u, used, limit)
		}
	}
}

func tooFull(used, limit int64) bool { return limit > 0 && used*100 >= limit*memoryPercent }

// bothLive says whether one of two may have to go. An old process that crashed comes back.
func (l *Launcher) bothLive(u *upgrade) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return u.new.alive() && (u.underWay() || u.old.alive())
}

func (l *Launcher) outOfMemory(u *upgrade, used, limit int64) {
	began := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	message := fmt.Sprintf("old and new process together used %d MiB of the container's %d MiB", used>>20, limit>>20)
	switch {
	case u.underWay():
		l.takeBack(TakenBackOutOfMemory, message, began)
		l.touch()
	case u.state == UpgradePromoted:
		u.old.kill(message)
	default:
		u.new.kill(message)
	}
}

// killedForMemory says whether the kernel was faster than watchMemory: where there is no cpu left for
// the launcher, an app that eats a MiB in a millisecond is through the last 5 % before it looks.
func (u *upgrade) killedForMemory(g *generation) bool {
	killed := g.status.Signaled() && g.status.Signal() == unix.SIGKILL
	return killed && containerCgroup().oomKills() > u.oomKills
}

func containerCgroup() cgroup { return ownCgroup("/proc/self/cgroup", "/sys/fs/cgroup") }

// cgroup names the files of the memory controller: v2's, or v1's.
type cgroup struct {
	folder  string
	version int
}

// ownCgroup finds this process' memory cgroup; cgroups(7). In a container with a cgroup namespace
// the path is /, and the mount is the container's own.
func ownCgroup(self, mount string) cgroup {
	raw, _ := os.ReadFile(self)
	v2 := ""
	for line := range strings.Lines(string(raw)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		if parts[1] == "memory" {
			for _, folder := range []string{path.Join(mount, "memory", parts[2]), path.Join(mount, "memory")} {
				if _, err := os.Stat(path.Join(folder, "memory.usage_in_bytes")); err == nil {
					return cgroup{folder, 1}
				}
			}
		}
		if parts[0] == "0" {
			v2 = parts[2]
		}
	}
	for _, folder := range []string{path.Join(mount, v2), mount} {
		if _, err := os.Stat(path.Join(folder, "memory.current")); err == nil {
			return cgroup{folder, 2}
		}
	}
	return cgroup{}
}

// limit is the container's, in bytes; 0 where there is none.
func (c cgroup) limit() int64 {
	switch c.version {
	case 1:
		if n := c.number("memory.limit_in_bytes"); n < 1<<60 { // v1 says PAGE_COUNTER_MAX for none
			return n
		}
	case 2:
		return c.number("memory.max") // "max" is not a number: 0
	}
	return 0
}

// used leaves out the page cache that the kernel drops first: it never gets a container killed.
func (c cgroup) used() int64 {
	switch c.version {
	case 1:
		return c.number("memory.usage_in_bytes") - c.statistic("memory.stat", "total_inactive_file")
	case 2:
		return c.number("memory.current") - c.statistic("memory.stat", "inactive_file")
	}
	return 0
}

// oomKills is how many processes the kernel killed here, for want of memory, since the beginning.
func (c cgroup) oomKills() int64 {
	switch c.version {
	case 1:
		return c.statistic("memory.oom_control", "oom_kill")
	case 2:
		return c.statistic("memory.events", "oom_kill")
	}
	return 0
}

func (c cgroup) number(name string) int64 {
	raw, err := os.ReadFile(path.Join(c.folder, name))
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	return n
}

// statistic is one line of a file of names and numbers.
func (c cgroup) statistic(file, name string) int64 {
	raw, err := os.ReadFile(path.Join(c.folder, file))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(raw) {
		if value, found := bytes.CutPrefix(line, []byte(name+" ")); found {
			n, _ := strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
			return n
		}
	}
	return 0
}
