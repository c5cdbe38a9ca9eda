package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

const networkVariable = "HOTUPGRADE_TEST_NETWORK"

// inOwnNetwork runs the test once more in a network namespace of its own, where it may add addresses.
func inOwnNetwork(t *testing.T) (inside bool) {
	t.Helper()
	if os.Getenv(networkVariable) != "" {
		return true
	}
	test := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
	test.Env = append(os.Environ(), networkVariable+"=1")
	root := []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	test.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNET, UidMappings: root}
	if text, err := test.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, text)
	}
	return false
}

// loopback brings lo up and gives it one more IPv6 address; netdevice(7).
func loopback(t *testing.T, extra netip.Addr) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	up, err := unix.NewIfreq("lo")
	if err != nil {
		t.Fatal(err)
	}
	up.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, up); err != nil {
		t.Fatal(err)
	}
	request := struct { // struct in6_ifreq, linux/ipv6.h
		address [16]byte
		prefix  uint32
		index   int32
	}{extra.As16(), 128, 1}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCSIFADDR, uintptr(unsafe.Pointer(&request))); errno != 0 {
		t.Fatal(errno)
	}
	// Also on lo it is tentative until the kernel's worker saw that nobody else can have it.
	within(t, "the new address", func() bool {
		listener, err := net.Listen("tcp", netip.AddrPortFrom(extra, 0).String())
		return err == nil && listener.Close() == nil
	})
}

func TestStrangerCannotReachTheDarkSlotByAProbePortOnIPv6(t *testing.T) {
	if !inOwnNetwork(t) {
		return
	}
	stranger := netip.MustParseAddr("fd00::2")
	loopback(t, stranger)
	g := newGroup(t, "::", 100, 0)
	first, last := probePorts(1)
	target := fmt.Sprintf("[::1]:%d", g.address.port)
	for port := first; port <= last; port++ {
		connectFrom(t, netip.AddrPortFrom(stranger, uint16(port)).String(), target)
	}
	if got := drained(g); !slices.Equal(got, []int{16, 0}) {
		t.Errorf("the slots got %v, want all at the one with weight", got)
	}
	connectFrom(t, fmt.Sprintf("[::1]:%d", first), target)
	if got := drained(g); !slices.Equal(got, []int{0, 1}) {
		t.Errorf("the slots got %v of this host's own probe, want 0 and 1", got)
	}
}
