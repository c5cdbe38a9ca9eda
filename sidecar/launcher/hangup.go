package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// hangups tells at once when an app shut a listener down: the kernel then moved the group's last
// member into its place, and the program in force picks wrong sockets until it is made anew.
type hangups struct{ epoll int }

func newHangups() (hangups, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return hangups{}, fmt.Errorf("cannot watch the listeners: %w", err)
	}
	return hangups{fd}, nil
}

// watch asks for the end of a socket that listens, once. EPOLLHUP always counts; nothing else is
// asked for, so that a new connection wakes nobody here.
func (h hangups) watch(fd int) {
	event := unix.EpollEvent{Events: unix.EPOLLONESHOT, Fd: int32(fd)}
	if unix.EpollCtl(h.epoll, unix.EPOLL_CTL_MOD, fd, &event) != nil {
		_ = unix.EpollCtl(h.epoll, unix.EPOLL_CTL_ADD, fd, &event)
	}
}

// follow calls on for each batch of listeners that were shut down; it does not return.
func (h hangups) follow(on func()) error {
	file, raw, err := pollable(h.epoll, "epoll of the listeners")
	if err != nil {
		return err
	}
	defer file.Close()
	var events [8]unix.EpollEvent
	for {
		err := raw.Read(func(epoll uintptr) bool {
			n, err := unix.EpollWait(int(epoll), events[:], 0)
			return n > 0 || err != nil && err != unix.EINTR
		})
		if err != nil {
			return err
		}
		on()
	}
}
