package main

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// socketOwner is what trapped calls are asked of: the launcher, or the self-test.
type socketOwner interface {
	// bind returns the descriptor to put in place, or an error to leave the call to the kernel.
	bind(g *generation, a address, options map[option][]byte) (fd int, err error)
	// listen carries out a listen on a slot; false where the socket is none of ours.
	listen(g *generation, inode uint64, backlog int) (bool, error)
	// leave hears why sockets of this process cannot be handed over.
	leave(g *generation, why string)
}

// call is one trapped call of one thread; it may be looked at through /proc only while it is valid.
type call struct {
	listener int
	n        notification
	fd       int
}

func newCall(listener int, n notification) call {
	return call{listener: listener, n: n, fd: int(int32(n.data.args[0]))}
}

func (c call) valid() bool { return stillValid(c.listener, c.n.id) }

var errNotOurs = errors.New("not a socket of ours")

// serveNotifications answers the trapped calls of one process generation until no process of it is
// left. One call at a time: it receives eagerly, so a caller waits killably and no signal disturbs it.
func serveNotifications(listener int, g *generation, owner socketOwner) error {
	file, raw, err := pollable(listener, "seccomp listener")
	if err != nil {
		return err
	}
	defer file.Close()
	var n notification
	for receive(raw, &n) {
		c := newCall(listener, n)
		a := notificationAnswer{id: n.id, flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		if taken, err := c.handle(g, owner); taken {
			a.flags, a.errno = 0, negative(err)
		}
		answer(listener, a)
	}
	return nil
}

// handle carries the call out where it is the launcher's to do; else it is left to the kernel.
func (c call) handle(g *generation, owner socketOwner) (taken bool, err error) {
	switch c.n.data.nr {
	case unix.SYS_BIND:
		return c.bind(g, owner) == nil, nil
	case unix.SYS_LISTEN:
		return c.listen(g, owner)
	case unix.SYS_SETSOCKOPT:
		c.recordOption(g)
	}
	return false, nil
}

// negative is the kernel's form of an error: 0, or -errno.
func negative(err error) int32 {
	if err == nil {
		return 0
	}
	var errno unix.Errno
	if errors.As(err, &errno) {
		return -int32(errno)
	}
	return -int32(unix.EADDRINUSE)
}

// bind swaps a slot in. Any error leaves the call to the kernel, which then says what the app would
// have heard without us.
func (c call) bind(g *generation, owner socketOwner) error {
	a, err := c.address()
	if err != nil {
		if errors.Is(err, os.ErrPermission) && c.valid() {
			owner.leave(g, "the app may not be looked into (it made itself undumpable): "+err.Error())
		}
		return err
	}
	inode, err := socketInode(c.n.pid, c.fd)
	if err != nil || !c.valid() {
		return errNotOurs
	}
	if inEpoll(c.n.pid, c.fd) {
		owner.leave(g, "the app registers its socket with epoll before bind: the registration would be lost")
		return errNotOurs
	}
	options := g.options.take(inode)
	a.v6only = a.family() == unix.AF_INET6 && isSetOr(options, option{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY}, v6onlyDefault())
	nonblock, closeOnExec := descriptorFlags(c.n.pid, c.fd)
	fd, err := owner.bind(g, a, options)
	if err != nil {
		return err
	}
	if err := unix.SetNonblock(fd, nonblock); err != nil {
		return err
	}
	return replaceDescriptor(c.listener, c.n.id, fd, c.fd, closeOnExec)
}

// address reads where a TCP socket is to be bound; an error where the call is none of ours. Port 0
// is not: the app takes what it gets (Go tries what the host can do on such).
func (c call) address() (address, error) {
	protocol, err := protocolName(c.n.pid, c.fd)
	if err != nil {
		return address{}, err
	}
	family, found := tcpFamilies[protocol]
	length := uint32(c.n.data.args[2])
	if !found || length > unix.SizeofSockaddrAny {
		return address{}, errNotOurs
	}
	raw, err := readMemory(c.n.pid, c.n.data.args[1], int(length))
	if err != nil {
		return address{}, err
	}
	a, err := parseSockaddr(raw)
	if err != nil || a.port == 0 || a.family() != family {
		return address{}, errNotOurs
	}
	return a, nil
}

// tcpFamilies are the protocols that are handed over, by the kernel's names.
var tcpFamilies = map[string]int{
	"TCP": unix.AF_INET, "TCPv6": unix.AF_INET6, "MPTCP": unix.AF_INET, "MPTCPv6": unix.AF_INET6,
}

func (c call) listen(g *generation, owner socketOwner) (bool, error) {
	inode, err := socketInode(c.n.pid, c.fd)
	if err != nil || !c.valid() {
		return false, nil
	}
	return owner.listen(g, inode, int(int32(c.n.data.args[1])))
}

func (c call) recordOption(g *generation) {
	length := uint32(c.n.data.args[4])
	inode, err := socketInode(c.n.pid, c.fd)
	if err != nil || length > maxOptionBytes {
		return
	}
	value, err := readMemory(c.n.pid, c.n.data.args[3], int(length))
	if err != nil || !c.valid() {
		return
	}
	g.options.record(inode, option{int(int32(c.n.data.args[1])), int(int32(c.n.data.args[2]))}, value)
}
