package main

import (
	"errors"
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// nobody takes no socket, and remembers that it was asked.
type nobody struct{ asked int }

func (n *nobody) bind(*generation, address, map[option][]byte) (int, error) {
	n.asked++
	return -1, errNotOurs
}
func (n *nobody) listen(*generation, uint64, int) (bool, error) { n.asked++; return false, nil }
func (n *nobody) leave(*generation, string)                     { n.asked++ }

func TestStaleNotificationTouchesNoSocket(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	raw := rawInet4(80, [4]byte{127, 0, 0, 1})
	n := notification{pid: uint32(os.Getpid())}
	n.data.args = [6]uint64{uint64(fd), uint64(uintptr(unsafe.Pointer(&raw[0]))), uint64(len(raw))}
	if a, err := newCall(-1, n).address(); err != nil || a.String() != "127.0.0.1:80" {
		t.Fatalf("%v, %v", a, err)
	}
	// The listener does not know the notification's id: its process is gone, /proc/PID another's.
	owner := &nobody{}
	for _, nr := range []int32{unix.SYS_BIND, unix.SYS_LISTEN, unix.SYS_SETSOCKOPT} {
		n.data.nr = nr
		_, _ = newCall(-1, n).handle(&generation{}, owner)
	}
	if owner.asked != 0 {
		t.Error("a stale call was acted on")
	}
}

func TestOtherSocketsAreLeftToTheKernel(t *testing.T) {
	four, six := rawInet4(80, [4]byte{127, 0, 0, 1}), rawInet6(80, 1)
	for name, c := range map[string]struct {
		family, kind int
		raw          []byte
	}{
		"UDP":                            {unix.AF_INET, unix.SOCK_DGRAM, four},
		"UDP on IPv6":                    {unix.AF_INET6, unix.SOCK_DGRAM, six},
		"Unix":                           {unix.AF_UNIX, unix.SOCK_STREAM, []byte{1, 0, '/', 'x'}},
		"port 0":                         {unix.AF_INET, unix.SOCK_STREAM, rawInet4(0, [4]byte{127, 0, 0, 1})},
		"IPv4 address on an IPv6 socket": {unix.AF_INET6, unix.SOCK_STREAM, four},
		"IPv6 address on an IPv4 socket": {unix.AF_INET, unix.SOCK_STREAM, six},
		"too short":                      {unix.AF_INET, unix.SOCK_STREAM, four[:4]},
	} {
		fd, err := unix.Socket(c.family, c.kind|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		n := notification{pid: uint32(os.Getpid())}
		n.data.args = [6]uint64{uint64(fd), uint64(uintptr(unsafe.Pointer(&c.raw[0]))), uint64(len(c.raw))}
		if a, err := newCall(-1, n).address(); !errors.Is(err, errNotOurs) {
			t.Errorf("%s: %v, %v", name, a, err)
		}
		_ = unix.Close(fd)
	}
}

// The app chooses every argument of its calls: none may hurt the launcher, nor make it reserve memory.
func FuzzNotification(f *testing.F) {
	f.Add(int32(unix.SYS_BIND), uint64(0), uint64(1<<40), uint64(28), uint64(0), uint64(0))
	f.Add(int32(unix.SYS_BIND), uint64(1<<63), uint64(0), uint64(1<<32-1), uint64(0), uint64(0))
	f.Add(int32(unix.SYS_SETSOCKOPT), uint64(1), uint64(unix.SOL_SOCKET), uint64(unix.SO_RCVBUF), uint64(8), uint64(1<<31))
	f.Add(int32(unix.SYS_LISTEN), uint64(3), ^uint64(0), uint64(0), uint64(0), uint64(0))
	f.Fuzz(func(t *testing.T, nr int32, a, b, c, d, e uint64) {
		n := notification{pid: uint32(os.Getpid())}
		n.data.nr, n.data.args = nr, [6]uint64{a, b, c, d, e}
		owner := &nobody{}
		_, _ = newCall(-1, n).handle(&generation{}, owner)
		if owner.asked != 0 {
			t.Fatal("a stale call was acted on")
		}
	})
}
