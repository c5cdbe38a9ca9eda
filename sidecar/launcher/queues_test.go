package main

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// within polls until done says so.
func within(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen", what)
		}
	}
}

// serveSlot accepts from a slot as an app would, on a descriptor of its own, and answers "served".
func serveSlot(t *testing.T, s *slot) {
	t.Helper()
	fd, err := unix.FcntlInt(uintptr(s.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := os.NewFile(uintptr(fd), "app")
	listener, err := net.FileListener(file)
	_ = file.Close()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				_, _ = io.Copy(io.Discard, connection)
				_, _ = connection.Write([]byte("served"))
			}()
		}
	}()
}

func launcherOf(t *testing.T, g *group) *Launcher {
	t.Helper()
	l := newLauncher(config{})
	l.groups[g.address] = g
	return l
}

// asks sends, closes its half, and reads the answer to its end.
func asks(t *testing.T, connection net.Conn) string {
	t.Helper()
	_ = connection.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := connection.Write(make([]byte, 100<<10)); err != nil { // more than one buffer of the splice
		t.Error(err)
	}
	if err := connection.(*net.TCPConn).CloseWrite(); err != nil {
		t.Error(err)
	}
	answer, err := io.ReadAll(connection)
	if err != nil {
		t.Error(err)
	}
	return string(answer)
}

func TestConnectionsOfADeadProcessAreServedByTheLiveOne(t *testing.T) {
	for _, blocking := range []bool{false, true} {
		g := newGroup(t, "127.0.0.1", 100, 0)
		l := launcherOf(t, g)
		clients := []net.Conn{connectFrom(t, ":0", g.address.String()), connectFrom(t, ":0", g.address.String())}
		if err := unix.SetNonblock(g.slots[0].fd, !blocking); err != nil {
			t.Fatal(err)
		}
		g.slots[0].owner, g.slots[0].listening = nil, false
		g.slots[1].owner.weight = 100
		serveSlot(t, g.slots[1])
		if err := l.steer(); err != nil {
			t.Fatal(err)
		}
		l.lookAtQueues(time.Now())
		for _, client := range clients {
			if got := asks(t, client); got != "served" {
				t.Errorf("blocking %v: the client got %q", blocking, got)
			}
		}
	}
}

func TestListenerThatAWorkerClosedIsFoundByWhatWaitsOnIt(t *testing.T) {
	g := newGroup(t, "127.0.0.1", 50, 50)
	l := launcherOf(t, g)
	closed, open := g.slots[0], g.slots[1]
	var client net.Conn
	for queued(closed.fd) == 0 {
		client = connectFrom(t, ":0", g.address.String())
	}
	serveSlot(t, open)
	l.lookAtQueues(time.Now()) // no process below this one holds the slot; but that may be a moment's
	if closed.owner == nil {
		t.Fatal("given up at the first look")
	}
	open.waits = time.Time{}
	within(t, "the other's queue is empty", func() bool { return queued(open.fd) == 0 })
	l.lookAtQueues(time.Now().Add(2 * closedAfter))
	if closed.owner != nil {
		t.Fatal("the slot that nobody accepts from still has weight")
	}
	if got := asks(t, client); got != "served" {
		t.Errorf("the client that waited got %q", got)
	}
}

func TestAddressThatTheAppClosedRefuses(t *testing.T) {
	g := newGroup(t, "127.0.0.1", 100)
	l := launcherOf(t, g)
	connectFrom(t, ":0", g.address.String())
	l.lookAtQueues(time.Now())
	l.lookAtQueues(time.Now().Add(2 * closedAfter))
	if _, err := net.Dial("tcp", g.address.String()); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("got %v, want refused", err)
	}
	if s, err := g.borrow(&generation{weight: 100}, nil); err != nil || g.listen(s, 8, ownWeight) != nil {
		t.Errorf("the address cannot be served again: %v", err)
	}
	connectFrom(t, ":0", g.address.String())
}

func TestShutDownListenerIsNoticedAtOnce(t *testing.T) {
	g := newGroup(t, "127.0.0.1", 0, 0, 100)
	l := launcherOf(t, g)
	if err := l.watch(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // once it listens again it is watched again
		for _, s := range g.slots {
			l.hangups.watch(s.fd)
		}
		if err := unix.Shutdown(g.slots[0].fd, unix.SHUT_RD); err != nil {
			t.Fatal(err)
		}
		within(t, "a new program", func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			return len(g.order) == 2
		})
		l.mu.Lock()
		if err := g.listen(g.slots[0], 8, ownWeight); err != nil {
			t.Error(err)
		}
		l.mu.Unlock()
	}
}
