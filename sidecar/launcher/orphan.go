package main

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// An orphan is a connection that the kernel queued on a slot whose process is gone. It was promised
// to the client by the handshake: the launcher accepts it and passes it on to the live process.

const (
	orphanWatch = 10 * time.Second // after a process ended; a handshake's retries fit in
	orphanFast  = time.Second      // polled often at first
	maxOrphans  = 256
)

// watchOrphans looks after free slots for a while. mu is held.
func (l *Launcher) watchOrphans() {
	l.orphansUntil = time.Now().Add(orphanWatch)
	if l.orphans {
		return
	}
	l.orphans = true
	go func() {
		for l.passOrphansOn() {
			pause := 100 * time.Millisecond
			l.mu.Lock()
			if time.Until(l.orphansUntil) > orphanWatch-orphanFast {
				pause = 5 * time.Millisecond
			}
			l.mu.Unlock()
			time.Sleep(pause)
		}
	}()
}

// passOrphansOn handles what is queued now, and says whether to look again.
func (l *Launcher) passOrphansOn() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, grp := range l.groups {
		for _, s := range grp.slots {
			if s.owner == nil && grp.crowded(s) && grp.serves() && !heldElsewhere(s.inode) {
				grp.adopt(s)
			}
		}
	}
	if time.Now().Before(l.orphansUntil) && !l.stopping {
		return true
	}
	l.orphans = false
	return false
}

// serves says whether a process with weight listens here.
func (g *group) serves() bool {
	for _, s := range g.slots {
		if s.owner != nil && s.listening && s.owner.weight > 0 {
			return true
		}
	}
	return false
}

// heldElsewhere says whether an app's process still holds the socket: then it is its to accept.
func heldElsewhere(inode uint64) bool {
	var pids []int
	for _, p := range processTable() {
		if p.pid != selfPID {
			pids = append(pids, p.pid)
		}
	}
	return socketsOf(pids)[inode]
}

// adopt accepts what is queued on the slot and joins each connection to the live process.
func (g *group) adopt(s *slot) {
	for range maxOrphans {
		client, from, err := unix.Accept4(s.fd, unix.SOCK_CLOEXEC)
		if err != nil {
			return
		}
		log("orphan passed on", "address", g.address.String())
		go g.join(client, from)
	}
}

// join copies both ways between a client and a new connection to the address, which the program
// steers to the live process.
func (g *group) join(client int, from unix.Sockaddr) {
	defer unix.Close(client)
	server, err := unix.Socket(g.address.family(), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(server)
	if err := unix.Connect(server, g.address.reachable().sockaddr()); err != nil {
		log("orphan lost", "address", g.address.String(), "error", err.Error())
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		copyBytes(server, client)
	}()
	copyBytes(client, server)
	<-done
}

// reachable is where the address can be connected to from here: the wildcard is on loopback, too.
func (a address) reachable() address {
	if a.ip.IsUnspecified() {
		if a.ip.Is4() {
			a.ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		} else {
			a.ip = netip.IPv6Loopback()
		}
	}
	return a
}

// copyBytes copies until the end of from, then passes the end on.
func copyBytes(to, from int) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := unix.Read(from, buffer)
		if err == unix.EINTR {
			continue
		}
		if n <= 0 {
			break
		}
		for rest := buffer[:n]; len(rest) > 0; {
			written, err := unix.Write(to, rest)
			if err != nil && err != unix.EINTR {
				_ = unix.Shutdown(from, unix.SHUT_RD)
				return
			}
			rest = rest[max(written, 0):]
		}
	}
	_ = unix.Shutdown(to, unix.SHUT_WR)
}
