package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// slot is one socket of a group: the launcher's own, which a process generation borrows. It is never
// closed while the launcher runs, so nothing that the kernel queued on it is lost.
type slot struct {
	number    int // fixed: the probe ports belong to it
	fd        int
	inode     uint64
	owner     *generation // nil: free
	listening bool        // the owner called listen
	member    bool        // in the kernel's group: it listened once, and nobody shut it down
	waits     time.Time   // since when connections are queued, where a look found some
}

// group is the reuseport group of one address.
type group struct {
	address address
	slots   []*slot
	order   []*slot // the kernel's order: by first listen, with what shutdown() moved
}

// borrow gives the generation a socket of this address: a free slot, or a new one. The app's own
// options are set on it. What is still queued on a free slot waits for a process that users may
// reach: one that has weight takes such a slot first, one that is to be proven does not get it.
func (g *group) borrow(owner *generation, options map[option][]byte) (*slot, error) {
	free := slices.DeleteFunc(slices.Clone(g.slots), func(s *slot) bool {
		return s.owner != nil || owner.weight == 0 && g.crowded(s)
	})
	slices.SortStableFunc(free, func(a, b *slot) int { return queued(b.fd) - queued(a.fd) })
	for _, s := range free {
		replay(s.fd, options)
		s.owner, s.listening = owner, false
		return s, nil
	}
	if len(g.slots) >= maxSlots {
		return nil, fmt.Errorf("cannot serve %v: all %d slots are taken by processes that still drain", g.address, maxSlots)
	}
	fd, err := openSlot(g.address, options)
	if err != nil {
		return nil, err
	}
	inode, err := ownInode(fd)
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	s := &slot{number: len(g.slots), fd: fd, inode: inode, owner: owner}
	g.slots = append(g.slots, s)
	return s, nil
}

// crowded says whether connections are queued on a slot.
func (g *group) crowded(s *slot) bool {
	return s.member && queued(s.fd) > 0
}

// openSlot makes a plain TCP socket (an MPTCP one refuses SO_REUSEPORT) and binds it.
func openSlot(a address, options map[option][]byte) (int, error) {
	fd, err := unix.Socket(a.family(), unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.IPPROTO_TCP)
	if err != nil {
		return -1, fmt.Errorf("cannot open a socket for %v: %w", a, err)
	}
	for _, name := range []int{unix.SO_REUSEADDR, unix.SO_REUSEPORT} {
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_SOCKET, name, 1))
	}
	if a.family() == unix.AF_INET6 {
		only := 0
		if a.v6only {
			only = 1
		}
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only))
	}
	replay(fd, options)
	if err == nil {
		err = unix.Bind(fd, a.sockaddr())
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("cannot bind %v: %w", a, err)
	}
	return fd, nil
}

// listen carries out the app's listen(2) on a slot. The first member gets the program before a
// second one joins; a second that joined without one would take half of the traffic.
func (g *group) listen(s *slot, backlog int, weights func(*slot) int) error {
	g.notice()
	if err := unix.Listen(s.fd, backlog); err != nil {
		return fmt.Errorf("cannot listen on %v: %w", g.address, err)
	}
	s.listening = true
	if !s.member {
		s.member = true
		g.order = append(g.order, s)
	}
	return g.steer(weights)
}

// notice brings order up to date where an app shut its listener down: the kernel moved the last
// member into its place.
func (g *group) notice() {
	for i := 0; i < len(g.order); i++ {
		if s := g.order[i]; !accepts(s.fd) {
			last := len(g.order) - 1
			g.order[i] = g.order[last]
			g.order = g.order[:last]
			s.member, s.listening = false, false
			i--
		}
	}
}

// steer attaches the program for these weights. A slot that does not listen gets none.
func (g *group) steer(weights func(*slot) int) error {
	if len(g.order) == 0 {
		return nil
	}
	var shares []share
	var probes []probe
	for i, s := range g.order {
		probes = append(probes, probe{slot: s.number, index: i})
		if s.owner != nil && s.listening {
			if w := weights(s); w > 0 {
				shares = append(shares, share{index: i, weight: w})
			}
		}
	}
	if len(shares) == 0 {
		shares = []share{{index: g.fallback()}}
	}
	return attach(g.order[0].fd, program(shares, probes))
}

// fallback is where connections wait while nobody has weight: the app is being restarted. The slot
// that the restarted process will borrow first comes first.
func (g *group) fallback() int {
	for i, s := range g.order {
		if s.owner == nil {
			return i
		}
	}
	return 0
}

// accepts says whether the socket is in the kernel's LISTEN state; socket(7), SO_ACCEPTCONN.
func accepts(fd int) bool {
	value, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	return err == nil && value == 1
}

// queued is the length of the accept queue: tcpi_unacked of a listening socket (tcp_get_info).
func queued(fd int) int {
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return 0
	}
	return int(info.Unacked)
}
