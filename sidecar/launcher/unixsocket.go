package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Unix sockets as pollable files. Not package net: with its resolver it is a quarter of the binary,
// and every pod pays for the pages of it that are touched.

const maxSocketPath = len(unix.RawSockaddrUnix{}.Path) - 1

func fits(path string) error {
	if len(path) > maxSocketPath {
		return fmt.Errorf("the path %s is longer than %d bytes", path, maxSocketPath)
	}
	return nil
}

func openUnix(path string) (int, *unix.SockaddrUnix, error) {
	if err := fits(path); err != nil {
		return -1, nil, err
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	return fd, &unix.SockaddrUnix{Name: path}, err
}

func listenUnix(path string, backlog int) (*os.File, error) {
	fd, address, err := openUnix(path)
	if err != nil {
		return nil, err
	}
	if err = unix.Bind(fd, address); err == nil {
		err = unix.Listen(fd, backlog)
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), path), nil
}

// acceptUnix waits for a peer.
func acceptUnix(listener *os.File) (*os.File, error) {
	raw, err := listener.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	waited := raw.Read(func(on uintptr) bool {
		fd, _, err = unix.Accept4(int(on), unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		return !errors.Is(err, unix.EAGAIN)
	})
	if err = errors.Join(waited, err); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), "peer"), nil
}

// dialUnix waits for room in the listener's queue no longer than the time-out.
func dialUnix(path string, timeout time.Duration) (*os.File, error) {
	fd, address, err := openUnix(path)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(timeout); ; time.Sleep(10 * time.Millisecond) {
		// EAGAIN: the queue is full; unlike TCP there is nothing to poll for.
		err = unix.Connect(fd, address)
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) || time.Now().After(deadline) {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), path), nil
}

// credentialsOf says who is at the other end; unix(7), SO_PEERCRED.
func credentialsOf(peer *os.File) (*unix.Ucred, error) {
	raw, err := peer.SyscallConn()
	if err != nil {
		return nil, err
	}
	var credentials *unix.Ucred
	cerr := raw.Control(func(fd uintptr) {
		credentials, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	return credentials, errors.Join(cerr, err)
}

// pollable makes a file of a descriptor that the runtime waits for without a thread. It owns the
// descriptor from here on.
func pollable(fd int, name string) (*os.File, syscall.RawConn, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, nil, errors.Join(err, unix.Close(fd))
	}
	file := os.NewFile(uintptr(fd), name)
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, raw, nil
}
