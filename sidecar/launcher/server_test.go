package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// commanded starts a launcher's command socket, without an app.
func commanded(t *testing.T, c config) string {
	t.Helper()
	c.socket = filepath.Join(t.TempDir(), "launcher.sock")
	if err := newLauncher(c).serve(); err != nil {
		t.Fatal(err)
	}
	return c.socket
}

// says sends one line as it is and returns the answer.
func says(t *testing.T, socket, line string) string {
	t.Helper()
	peer, err := dialUnix(socket, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer peer.Close()
	_ = peer.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = peer.Write([]byte(line + "\n")) // a line too long is answered before its end is read
	return firstLine(t, peer)
}

func firstLine(t *testing.T, peer *os.File) string {
	t.Helper()
	var all []byte
	buffer := make([]byte, 4096)
	for !bytes.ContainsRune(all, '\n') {
		n, err := peer.Read(buffer)
		if all = append(all, buffer[:n]...); err != nil {
			break
		}
	}
	return string(all)
}

func TestSocketAnswersWhateverAPeerSends(t *testing.T) {
	socket := commanded(t, config{})
	for line, want := range map[string]string{
		`{"command":"status"}`:                   `"status"`,
		"":                                       "one JSON object a line",
		"\x00\xff{{{":                            "one JSON object a line",
		`{"command":"status","v":2}`:             "this launcher speaks 1",
		`{"command":"fly"}`:                      "are the commands",
		strings.Repeat("x", maxLine+1):           "at most 1048576 bytes",
		`{"command":"promote","upgrade":"gone"}`: `"Refused"`,
		`{"command":"wait","after":-1}`:          `"status"`,
		`{"command":"wait","timeoutSeconds":0}`:  `"status"`,
	} {
		if got := says(t, socket, line); !strings.Contains(got, want) {
			t.Errorf("%.60q is answered %.200q, want %q in it", line, got, want)
		}
	}
}

func TestOneConnectionTooManyIsTold(t *testing.T) {
	socket := commanded(t, config{})
	var peers []*os.File
	for range maxAskers { // the test itself is what it calls a process that the launcher runs
		peer, err := dialUnix(socket, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		defer peer.Close()
		if _, err := peer.Write([]byte("{\"command\":\"status\"}\n")); err != nil {
			t.Fatal(err)
		}
		_ = peer.SetReadDeadline(time.Now().Add(10 * time.Second))
		if got := firstLine(t, peer); !strings.Contains(got, `"status"`) {
			t.Fatalf("answered %q, want the status", got)
		}
		peers = append(peers, peer)
	}
	if got := says(t, socket, `{"command":"status"}`); !strings.Contains(got, `"Busy"`) {
		t.Errorf("answered %q, want Busy", got)
	}
	_ = peers[0].Close()
	within(t, "room for one more", func() bool { return strings.Contains(says(t, socket, `{"command":"status"}`), `"status"`) })
}

func TestSocketFileOfADeadLauncherIsReplaced(t *testing.T) {
	socket := commanded(t, config{})
	if err := newLauncher(config{socket: socket}).serve(); !errors.Is(err, errTaken) {
		t.Errorf("the socket of a live launcher: %v", err)
	}
	dead, err := listenUnix(socket+".dead", 1)
	if err != nil {
		t.Fatal(err)
	}
	_ = dead.Close()
	if err := newLauncher(config{socket: socket + ".dead"}).serve(); err != nil {
		t.Fatal(err)
	}
	says(t, socket+".dead", `{"command":"status"}`)
	err = newLauncher(config{socket: filepath.Join(t.TempDir(), strings.Repeat("x", 200))}).serve()
	if err == nil || !strings.Contains(err.Error(), "longer than 107 bytes") {
		t.Errorf("a path too long: %v", err)
	}
}

func TestPeersAreTheLaunchersOwnUIDRootAndThoseListed(t *testing.T) {
	var p peers
	if err := p.Set("1000,65532"); err != nil {
		t.Fatal(err)
	}
	for uid, want := range map[uint32]bool{0: true, uint32(os.Getuid()): true, 1000: true, 65532: true, 4711: false} {
		if got := p.allow(uid); got != want {
			t.Errorf("UID %d: %v, want %v", uid, got, want)
		}
	}
	if err := p.Set("root"); err == nil {
		t.Error("a name is taken for a UID")
	}
	if p = (peers{}); p.Set("any") != nil || !p.allow(4711) {
		t.Error("any does not allow all")
	}
}

func TestDescendantsAreKnownByTheirParents(t *testing.T) {
	table := []processStat{{pid: 1, parent: 0}, {pid: 7, parent: 1}, {pid: 8, parent: 7}, {pid: 9, parent: 1}, {pid: 20, parent: 21}, {pid: 21, parent: 20}}
	for pid, want := range map[int]bool{7: true, 8: true, 9: false, 1: false, 4711: true, 20: true} {
		if got := descends(table, pid, 7); got != want {
			t.Errorf("pid %d below 7: %v, want %v", pid, got, want)
		}
	}
}
