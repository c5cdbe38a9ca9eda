package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newGroup makes a group on a free port, and a slot that listens for each weight; its owner lives.
func newGroup(t *testing.T, ip string, weights ...int) *group {
	t.Helper()
	g := &group{address: address{ip: netip.MustParseAddr(ip)}}
	free, err := net.Listen("tcp", netip.AddrPortFrom(g.address.ip, 0).String())
	if err != nil {
		t.Fatal(err)
	}
	g.address.port = netip.MustParseAddrPort(free.Addr().String()).Port()
	_ = free.Close()
	t.Cleanup(func() {
		for _, s := range g.slots {
			_ = unix.Close(s.fd)
		}
	})
	for _, weight := range weights {
		s, err := g.borrow(&generation{state: ProcessServing, weight: weight}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.listen(s, 128, ownWeight); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

func ownWeight(s *slot) int { return s.owner.weight }

// connectFrom connects from a source; ":0" is the kernel's choice.
func connectFrom(t *testing.T, from, to string) net.Conn {
	t.Helper()
	source, err := net.ResolveTCPAddr("tcp", from)
	if err != nil {
		t.Fatal(err)
	}
	dialer := net.Dialer{LocalAddr: source, Timeout: 5 * time.Second, Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) })
	}}
	connection, err := dialer.Dial("tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	_ = connection.(*net.TCPConn).SetLinger(0)
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// drained says how many connections are queued on each slot, and drops them.
func drained(g *group) []int {
	counts := make([]int, len(g.slots))
	for i, s := range g.slots {
		_ = unix.SetNonblock(s.fd, true)
		for {
			fd, _, err := unix.Accept4(s.fd, unix.SOCK_CLOEXEC)
			if err != nil {
				break
			}
			counts[i]++
			_ = unix.Close(fd)
		}
	}
	return counts
}

func TestNobodyConnectsBeforeTheAppListens(t *testing.T) {
	g := newGroup(t, "127.0.0.1")
	s, err := g.borrow(&generation{weight: 100}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := net.Dial("tcp", g.address.String()); !errors.Is(err, unix.ECONNREFUSED) {
		t.Fatalf("bound only: %v, want refused", err)
	}
	if err := g.listen(s, 8, ownWeight); err != nil {
		t.Fatal(err)
	}
	connectFrom(t, ":0", g.address.String())
}

func TestConnectionsGoByWeight(t *testing.T) {
	g := newGroup(t, "127.0.0.1", 0, 25, 75)
	var counts [3]int
	for range 10 {
		for range 100 {
			connectFrom(t, ":0", g.address.String())
		}
		for i, n := range drained(g) {
			counts[i] += n
		}
	}
	// 25 % of 1000 is 250, with a standard deviation of 14.
	if counts[0] != 0 || counts[1] < 170 || counts[1] > 330 {
		t.Errorf("of 1000 connections the slots got %v, want 0, about 250 and about 750", counts)
	}
}

func TestWeightsStayRightWhenAnAppShutsItsListenerDown(t *testing.T) {
	for gone, want := range map[int][]int{0: {0, 0, 100}, 1: {0, 0, 100}} {
		g := newGroup(t, "127.0.0.1", 0, 0, 100)
		if err := unix.Shutdown(g.slots[gone].fd, unix.SHUT_RD); err != nil {
			t.Fatal(err)
		}
		g.notice()
		if err := g.steer(ownWeight); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			connectFrom(t, ":0", g.address.String())
		}
		if got := drained(g); !slices.Equal(got, want) {
			t.Errorf("slot %d shut down: %v, want %v", gone, got, want)
		}
		// It listens again, and is last in the kernel's order now.
		if err := g.listen(g.slots[gone], 128, ownWeight); err != nil {
			t.Fatal(err)
		}
		for range 100 {
			connectFrom(t, ":0", g.address.String())
		}
		if got := drained(g); !slices.Equal(got, want) {
			t.Errorf("slot %d listens again: %v, want %v", gone, got, want)
		}
	}
}

func TestSlotThatJoinsGetsNobodyBeforeItHasWeight(t *testing.T) {
	g := newGroup(t, "127.0.0.1", 100)
	var connected atomic.Int32
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		for range 100_000 {
			select {
			case <-stop:
				return
			default:
			}
			if connection, err := net.Dial("tcp", g.address.String()); err == nil {
				_ = connection.(*net.TCPConn).SetLinger(0)
				_ = connection.Close()
				connected.Add(1)
			}
		}
	}()
	for range maxSlots - 1 {
		before := connected.Load()
		s, err := g.borrow(&generation{}, nil)
		if err == nil {
			err = g.listen(s, 128, ownWeight)
		}
		if err != nil {
			t.Fatal(err)
		}
		within(t, "a connection", func() bool { _ = drained(&group{slots: g.slots[:1]}); return connected.Load() > before })
	}
	for number, n := range drained(g)[1:] {
		if n != 0 {
			t.Errorf("slot %d got %d connections at weight 0", number+1, n)
		}
	}
}

func TestProbePortsReachTheDarkSlot(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1"} {
		g := newGroup(t, ip, 100, 0)
		target := g.address.ip.Unmap()
		for number := range g.slots {
			first, last := probePorts(number)
			for _, port := range []int{first, last} {
				connectFrom(t, netip.AddrPortFrom(target, uint16(port)).String(), netip.AddrPortFrom(target, g.address.port).String())
			}
		}
		if got := drained(g); !slices.Equal(got, []int{2, 2}) {
			t.Errorf("%s: the slots got %v of their probes, want 2 and 2", ip, got)
		}
	}
}

func TestStrangerCannotReachTheDarkSlotByAProbePort(t *testing.T) {
	g := newGroup(t, "0.0.0.0", 100, 0)
	first, last := probePorts(1)
	for port := first; port <= last; port++ {
		connectFrom(t, fmt.Sprintf("127.0.0.2:%d", port), fmt.Sprintf("127.0.0.1:%d", g.address.port))
	}
	if got := drained(g); !slices.Equal(got, []int{16, 0}) {
		t.Errorf("the slots got %v, want all at the one with weight", got)
	}
}

func TestWildcardsOfBothFamiliesAreGroupsApart(t *testing.T) {
	four := newGroup(t, "0.0.0.0", 100)
	six := &group{address: address{ip: netip.IPv6Unspecified(), port: four.address.port, v6only: true}}
	s, err := six.borrow(&generation{weight: 100}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(s.fd)
	if err := six.listen(s, 8, ownWeight); err != nil {
		t.Fatal(err)
	}
	connectFrom(t, ":0", fmt.Sprintf("127.0.0.1:%d", four.address.port))
	connectFrom(t, ":0", fmt.Sprintf("[::1]:%d", four.address.port))
	connectFrom(t, ":0", fmt.Sprintf("[::1]:%d", four.address.port))
	if got := append(drained(four), drained(six)...); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("IPv4 and IPv6 got %v, want 1 and 2", got)
	}
}

func TestFullGroupRefusesOneMoreProcess(t *testing.T) {
	g := newGroup(t, "127.0.0.1")
	for range maxSlots {
		if _, err := g.borrow(&generation{}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := g.borrow(&generation{}, nil); err == nil {
		t.Error("no error for one slot too many")
	}
	g.slots[7].owner = nil
	if s, err := g.borrow(&generation{}, nil); err != nil || s.number != 7 {
		t.Errorf("%v, %v; want the freed slot 7", s, err)
	}
}

func TestQueuedConnectionsWaitForAProcessThatUsersMayReach(t *testing.T) {
	g := newGroup(t, "127.0.0.1", 100)
	connectFrom(t, ":0", g.address.String())
	g.slots[0].owner = nil // it crashed
	dark, err := g.borrow(&generation{weight: 0}, nil)
	if err != nil || dark.number == 0 {
		t.Fatalf("a process that is to be proven got slot %d with a user's connection (%v)", dark.number, err)
	}
	if s, err := g.borrow(&generation{weight: 100}, nil); err != nil || s.number != 0 {
		t.Errorf("%v, %v; want slot 0, where a connection waits", s, err)
	}
}

func TestListenerOptionsAreReplayed(t *testing.T) {
	options := map[option][]byte{
		{unix.SOL_SOCKET, unix.SO_RCVBUF}:         {0, 0, 1, 0},
		{unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT}: {7, 0, 0, 0},
		{unix.IPPROTO_IPV6, unix.IPV6_FREEBIND}:   {1, 0, 0, 0},
		{unix.IPPROTO_TCP, unix.TCP_CONGESTION}:   []byte("no such"), // the app was refused, too
	}
	fd, err := openSlot(address{ip: netip.IPv6Loopback(), v6only: true}, options)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	for o, want := range map[option]int{
		{unix.SOL_SOCKET, unix.SO_RCVBUF}:         2 << 16, // socket(7): the kernel doubles it
		{unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT}: 7,
		{unix.IPPROTO_IPV6, unix.IPV6_FREEBIND}:   1,
		{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY}:     1,
	} {
		if got, err := unix.GetsockoptInt(fd, o.level, o.name); err != nil || got != want {
			t.Errorf("%v is %d (%v), want %d", o, got, err, want)
		}
	}
}

func TestOptionsOfEachAcceptedConnectionAreNeverTrapped(t *testing.T) {
	for _, o := range []option{
		{unix.IPPROTO_TCP, unix.TCP_NODELAY}, {unix.IPPROTO_TCP, unix.TCP_CORK}, {unix.IPPROTO_TCP, unix.TCP_QUICKACK},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE}, {unix.IPPROTO_TCP, unix.TCP_KEEPINTVL}, {unix.IPPROTO_TCP, unix.TCP_KEEPCNT},
		{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT}, {unix.SOL_SOCKET, unix.SO_KEEPALIVE}, {unix.SOL_SOCKET, unix.SO_LINGER},
		{unix.SOL_SOCKET, unix.SO_RCVTIMEO}, {unix.SOL_SOCKET, unix.SO_SNDTIMEO}, {unix.IPPROTO_IP, unix.IP_TOS},
	} {
		if slices.Contains(listenerOptions, o) {
			t.Errorf("%v costs each accepted connection a switch to the launcher", o)
		}
	}
}
