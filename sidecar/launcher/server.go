package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	maxCommanders = 32
	maxAskers     = 8 // apart: an app that opens connections without end must not keep its agent out
	socketBacklog = 16
	maxWait       = time.Minute
	idleTimeout   = 10 * time.Minute
	answerTimeout = 10 * time.Second
	socketMode    = 0o666 // the mount is the boundary; the peer's UID is checked as well
)

var errTaken = errors.New("another launcher does; --socket PATH chooses another place")

// serve takes commands on the Unix socket. A socket file that a launcher before this one left is
// replaced by rename: at no moment is there none.
func (l *Launcher) serve() error {
	if l.config.socket == "" {
		return nil
	}
	if err := fits(l.config.socket); err != nil {
		return fmt.Errorf("cannot take commands: %w", err)
	}
	if peer, err := dialUnix(l.config.socket, time.Second); err == nil {
		return fmt.Errorf("cannot take commands on %s: %w", l.config.socket, errors.Join(errTaken, peer.Close()))
	}
	temporary := filepath.Join(filepath.Dir(l.config.socket), fmt.Sprintf(".launcher.%d", selfPID))
	_ = os.Remove(temporary)
	listener, err := listenUnix(temporary, socketBacklog)
	if err == nil {
		err = errors.Join(os.Chmod(temporary, socketMode), os.Rename(temporary, l.config.socket))
	}
	if err != nil {
		return fmt.Errorf("cannot take commands on %s: %w", l.config.socket, err)
	}
	go l.accept(listener)
	return nil
}

// accept takes peers, as many as there is room for.
func (l *Launcher) accept(listener *os.File) {
	commanders, askers := make(chan struct{}, maxCommanders), make(chan struct{}, maxAskers)
	for {
		connection, err := acceptUnix(listener)
		if err != nil {
			log("cannot accept a command", "error", err.Error())
			time.Sleep(100 * time.Millisecond) // out of descriptors, perhaps: not for good
			continue
		}
		refused, err := l.mayCommand(connection)
		if err != nil {
			_ = connection.Close()
			continue
		}
		room := commanders
		if refused != nil {
			room = askers
		}
		select {
		case room <- struct{}{}:
			go func() {
				defer func() { <-room }()
				l.converse(connection, refused)
			}()
		default:
			reply(connection, failed(refusal(CodeBusy, "cannot take commands: there are %d connections already", cap(room))))
			_ = connection.Close()
		}
	}
}

// converse answers one peer, line by line.
func (l *Launcher) converse(connection *os.File, refused error) {
	defer connection.Close()
	lines := bufio.NewScanner(connection)
	lines.Buffer(make([]byte, 0, 1024), maxLine)
	for {
		_ = connection.SetReadDeadline(time.Now().Add(idleTimeout))
		if !lines.Scan() {
			if errors.Is(lines.Err(), bufio.ErrTooLong) {
				reply(connection, failed(refusal(CodeInvalid, "cannot read the command: a line has at most %d bytes", maxLine)))
			}
			return
		}
		if !reply(connection, l.answer(lines.Bytes(), refused)) {
			return
		}
	}
}

func reply(connection *os.File, a LauncherAnswer) bool {
	a.V = protocolVersion
	raw, err := json.Marshal(a)
	if err != nil {
		return false
	}
	_ = connection.SetWriteDeadline(time.Now().Add(answerTimeout))
	_, err = connection.Write(append(raw, '\n'))
	return err == nil
}

func failed(err *LauncherError) LauncherAnswer { return LauncherAnswer{Error: err} }

// answer carries out one line.
func (l *Launcher) answer(line []byte, may error) LauncherAnswer {
	c, refused := decodeCommand(line)
	if refused == nil && may != nil && c.Command != "status" && c.Command != "wait" {
		refused = refusal(CodeRefused, "cannot %s: %v", c.Command, may)
	}
	if refused == nil {
		refused = l.Do(c)
	}
	l.resting.Reset(restAfter)
	if refused != nil {
		return failed(refused)
	}
	var s LauncherStatus
	if c.Command == "wait" {
		s = l.waitFor(c)
	} else {
		s = l.Status()
	}
	return LauncherAnswer{Status: &s}
}

func (l *Launcher) waitFor(c Command) LauncherStatus {
	wait := 20 * time.Second
	if c.Timeout != nil {
		wait = boundedSeconds(*c.Timeout, maxWait)
	}
	return l.Wait(c.After, wait)
}

// mayCommand says why the peer may only ask; nil where it may command.
// The app itself, and what it started, may not: its UID is often the launcher's.
func (l *Launcher) mayCommand(connection *os.File) (refused, err error) {
	peer, err := credentialsOf(connection)
	if err != nil {
		return nil, err
	}
	if !l.config.peers.allow(peer.Uid) {
		return fmt.Errorf("UID %d may not; --peer-uid (%s) lists who may", peer.Uid, peerUIDsVariable), nil
	}
	// 0: a process of another PID namespace, such as the agent's.
	if peer.Pid != 0 && descends(processTable(), int(peer.Pid), selfPID) {
		return errors.New("a process that the launcher runs may not command it"), nil
	}
	return nil, nil
}

func (p peers) allow(uid uint32) bool {
	return p.any || uid == 0 || int(uid) == os.Getuid() || slices.Contains(p.uids, uid)
}

// descends says whether the process is below the ancestor, to whom its orphans go. One that is gone
// already counts as below: nobody can tell any more.
func descends(table []processStat, pid, ancestor int) bool {
	parents := map[int]int{}
	for _, p := range table {
		parents[p.pid] = p.parent
	}
	for range len(table) + 1 {
		parent, known := parents[pid]
		switch {
		case pid == ancestor:
			return true
		case pid == 0 || known && parent == 0:
			return false
		case !known:
			return true
		}
		pid = parent
	}
	return true
}
