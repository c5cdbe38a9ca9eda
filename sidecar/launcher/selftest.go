package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

const (
	selfTestVerb    = "__selftest"
	selfTestTimeout = 5 * time.Second
)

// selfTest tries on a child what transparent mode needs: a filter with a listener, reading the
// child's memory, putting a socket over its descriptor, a program on the socket. A kernel, sandbox
// (gVisor) or profile that lacks one of them is named by the error.
func selfTest() error {
	probe := &probeOwner{}
	defer probe.close()
	if err := probe.open(); err != nil {
		return err
	}
	port := strconv.Itoa(int(probe.address.port))
	s, err := spawn(image{
		argv: []string{"hotupgrade-launcher", selfTestVerb, probe.address.ip.String(), port},
		path: "/proc/self/exe",
	}, true)
	if err != nil {
		return err
	}
	deadline := time.AfterFunc(selfTestTimeout, func() { _ = unix.Kill(s.pid, unix.SIGKILL) })
	defer deadline.Stop()
	listener, err := s.started()
	if err == nil {
		err = serveNotifications(listener, &generation{}, probe)
	}
	var status unix.WaitStatus
	if _, waitErr := waitFor(s.pid, &status); waitErr != nil && err == nil {
		err = waitErr
	}
	switch {
	case err != nil:
		return fmt.Errorf("cannot work in transparent mode: %w", err)
	case probe.err != nil:
		return fmt.Errorf("cannot work in transparent mode: %w", probe.err)
	case !status.Exited() || status.ExitStatus() != 0:
		return fmt.Errorf("cannot work in transparent mode: a socket could not be put into another process (%s)", describeExit(status))
	}
	return nil
}

func waitFor(pid int, status *unix.WaitStatus) (int, error) {
	for {
		got, err := unix.Wait4(pid, status, 0, nil)
		if err != unix.EINTR {
			return got, err
		}
	}
}

// probeOwner hands one socket out.
type probeOwner struct {
	fd      int
	address address
	err     error
}

func (p *probeOwner) open() (err error) {
	p.fd = -1
	for _, ip := range []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()} {
		p.address = address{ip: ip}
		if p.fd, err = openSlot(p.address, nil); err == nil {
			break
		}
	}
	if err != nil {
		return err
	}
	name, err := unix.Getsockname(p.fd)
	switch name := name.(type) {
	case *unix.SockaddrInet4:
		p.address.port = uint16(name.Port)
	case *unix.SockaddrInet6:
		p.address.port = uint16(name.Port)
	}
	return err
}

func (p *probeOwner) close() {
	if p.fd >= 0 {
		_ = unix.Close(p.fd)
	}
}

func (p *probeOwner) bind(_ *generation, _ address, _ map[option][]byte) (int, error) {
	return p.fd, nil
}

func (p *probeOwner) listen(_ *generation, _ uint64, backlog int) (bool, error) {
	if p.err = unix.Listen(p.fd, backlog); p.err == nil {
		p.err = attach(p.fd, program([]share{{0, 100}}, []probe{{0, 0}}))
	}
	return true, p.err
}

func (p *probeOwner) leave(_ *generation, why string) { p.err = errors.New(why) }

// runSelfTest is the child: its own socket, not yet bound, must have become a listening one.
func runSelfTest(args []string) int {
	if len(args) != 2 {
		return 2
	}
	ip, err := netip.ParseAddr(args[0])
	if err != nil {
		return 2
	}
	port, err := strconv.ParseUint(args[1], 10, 16)
	if err != nil {
		return 2
	}
	a := address{ip: ip, port: uint16(port)}
	fd, err := unix.Socket(a.family(), unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 3
	}
	// Without the launcher's socket in place this bind would fail: the address is taken.
	if unix.Bind(fd, a.sockaddr()) != nil {
		return 4
	}
	if unix.Listen(fd, 1) != nil || !accepts(fd) {
		return 5
	}
	return 0
}
