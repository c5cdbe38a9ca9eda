package main

import (
	"errors"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	spliceBuffer  = 16 << 10
	spliceTimeout = 2 * time.Second // to be accepted
)

// splice copies both ways between a client and a new connection to the address, which the program
// steers to the live process.
func splice(fd int, to address) {
	client := os.NewFile(uintptr(fd), "orphan")
	defer client.Close()
	server, err := connect(to.reachable(), nil, spliceTimeout)
	if err != nil {
		log("orphan lost", "address", to.String(), "error", err.Error())
		return
	}
	defer server.Close()
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
func copyBytes(to, from *os.File) {
	buffer := make([]byte, spliceBuffer)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if _, failed := to.Write(buffer[:n]); failed != nil {
				shutdown(from, unix.SHUT_RD)
				return
			}
		}
		if err != nil {
			break
		}
	}
	shutdown(to, unix.SHUT_WR)
}

func shutdown(file *os.File, how int) {
	if raw, err := file.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.Shutdown(int(fd), how) })
	}
}

// connect opens a TCP connection, from an address of ours where one is given.
func connect(to address, from *address, timeout time.Duration) (*os.File, error) {
	fd, err := unix.Socket(to.family(), unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if from != nil {
		err = errors.Join(unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1), unix.Bind(fd, from.sockaddr()))
	}
	if err == nil {
		if err = unix.Connect(fd, to.sockaddr()); errors.Is(err, unix.EINPROGRESS) {
			err = connected(fd, time.Now().Add(timeout))
		}
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), to.String()), nil
}

// connected waits for a connection under way; connect(2), EINPROGRESS.
func connected(fd int, deadline time.Time) error {
	for {
		left := time.Until(deadline)
		if left <= 0 {
			return unix.ETIMEDOUT
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, int(left.Milliseconds())+1)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		if n > 0 {
			break
		}
	}
	failed, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err == nil && failed != 0 {
		err = unix.Errno(failed)
	}
	return err
}
