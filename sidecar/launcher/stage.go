package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// The stage is the launcher's own binary between fork and the app's exec: it puts the filter on
// itself, passes the filter's listener up, and becomes the app. Its descriptors:
const (
	stageVerb   = "__stage"
	stageSocket = 3 // to the launcher; closed by a successful exec, else the error is written to it
	stageFile   = 4 // the verified file, where there is one

	verifiedPath = "/proc/self/fd/4"
)

// runStage never returns where the exec succeeds. args: "trap" or "plain", the path to exec, "--",
// argv. A path of "" looks argv[0] up in PATH.
func runStage(args []string) int {
	runtime.LockOSThread()
	if len(args) < 4 || args[2] != "--" {
		return 125
	}
	unix.CloseOnExec(stageSocket)
	err := stage(args[0] == "trap", args[1], args[3:])
	_, _ = unix.Write(stageSocket, []byte(err.Error()))
	if errors.Is(err, unix.ENOENT) || errors.Is(err, exec.ErrNotFound) {
		return 127
	}
	return 126
}

func stage(trap bool, path string, argv []string) error {
	if path == "" {
		found, err := exec.LookPath(argv[0])
		if err != nil {
			return fmt.Errorf("cannot run %s: %w", argv[0], err)
		}
		path = found
	}
	if path != verifiedPath || !isScript(stageFile) {
		unix.CloseOnExec(stageFile) // the app needs it only where an interpreter opens it by name
	}
	var rights []byte
	if trap {
		listener, err := installFilter(trapFilter(listenerOptions))
		if err != nil {
			return err
		}
		unix.CloseOnExec(listener)
		rights = unix.UnixRights(listener)
	}
	if err := unix.Sendmsg(stageSocket, []byte{0}, rights, nil, 0); err != nil {
		return fmt.Errorf("cannot pass the listener on: %w", err)
	}
	err := unix.Exec(path, argv, os.Environ())
	return fmt.Errorf("cannot run %s: %w", argv[0], err)
}

// isScript says whether the file begins with `#!`: its interpreter opens it once more, by the path of
// the descriptor, so that must outlive the exec; execve(2).
func isScript(fd int) bool {
	var start [2]byte
	n, err := unix.Pread(fd, start[:], 0)
	return err == nil && n == 2 && string(start[:]) == "#!"
}

// image is what one process generation runs, ready to exec.
type image struct {
	argv   []string
	path   string   // "" : argv[0], looked up in PATH
	file   *os.File // the verified file, passed as stageFile
	env    []string // added to the launcher's own
	sha256 string
}

// spawned is a process under the stage: its pid, and the stage's socket.
type spawned struct {
	pid    int
	socket int
}

// spawn starts the stage in a process group of its own. The caller reaps it by wait4.
func spawn(i image, trap bool) (spawned, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return spawned{}, fmt.Errorf("cannot start: %w", err)
	}
	files := []uintptr{0, 1, 2, uintptr(pair[1])}
	if i.file != nil {
		files = append(files, i.file.Fd())
	}
	how := "plain"
	if trap {
		how = "trap"
	}
	argv := append([]string{"hotupgrade-launcher", stageVerb, how, i.path, "--"}, i.argv...)
	pid, err := forkExec(argv, appEnvironment(os.Environ(), i.env), files)
	_ = unix.Close(pair[1])
	if err != nil {
		_ = unix.Close(pair[0])
		return spawned{}, fmt.Errorf("cannot start: %w", err)
	}
	return spawned{pid: pid, socket: pair[0]}, nil
}

// started waits for the stage to pass the listener on; -1 where it traps nothing. It returns again
// from the second read when the exec succeeded (end of file) or failed (its error).
func (s spawned) started() (listener int, err error) {
	file, raw, err := pollable(s.socket, "stage")
	if err != nil {
		return -1, fmt.Errorf("cannot start: %w", err)
	}
	defer file.Close()
	buffer, oob := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	n, oobn, err := receiveMessage(raw, buffer, oob)
	switch {
	case err != nil:
		return -1, fmt.Errorf("cannot start: the stage ended: %w", err)
	case n == 0:
		return -1, errors.New("cannot start: the stage ended and said nothing")
	case n > 1:
		return -1, errors.New(string(buffer[:n]))
	}
	listener = -1
	if messages, err := unix.ParseSocketControlMessage(oob[:oobn]); err == nil && len(messages) == 1 {
		if fds, err := unix.ParseUnixRights(&messages[0]); err == nil && len(fds) == 1 {
			listener = fds[0]
		}
	}
	if n, _, err = receiveMessage(raw, buffer, nil); err == nil && n > 0 {
		if listener >= 0 {
			_ = unix.Close(listener)
		}
		return -1, errors.New(string(buffer[:n]))
	}
	return listener, nil
}

func receiveMessage(raw syscall.RawConn, buffer, oob []byte) (n, oobn int, err error) {
	waited := raw.Read(func(fd uintptr) bool {
		n, oobn, _, _, err = unix.Recvmsg(int(fd), buffer, oob, unix.MSG_CMSG_CLOEXEC)
		return !errors.Is(err, unix.EAGAIN)
	})
	return n, oobn, errors.Join(waited, err)
}
