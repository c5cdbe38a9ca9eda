package main

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// seccomp(2), seccomp_unotify(2) and linux/seccomp.h; x/sys has the numbers but not the structs.
type seccompData struct {
	nr   int32
	arch uint32
	ip   uint64
	args [6]uint64
}

type notification struct {
	id    uint64
	pid   uint32
	flags uint32
	data  seccompData
}

type notificationAnswer struct {
	id    uint64
	val   int64
	errno int32
	flags uint32
}

type addDescriptor struct {
	id         uint64
	flags      uint32
	source     uint32
	target     uint32
	targetFlag uint32
}

const (
	ioctlReceive = 0xc0502100
	ioctlSend    = 0xc0182101
	ioctlValid   = 0x40082102
	ioctlAddFD   = 0x40182103

	argsOffset = 16 // of seccomp_data.args
)

// auditArch is AUDIT_ARCH_* (linux/audit.h) of the calls that are trapped; others pass.
func auditArch() uint32 {
	if runtime.GOARCH == "arm64" {
		return 0xc00000b7
	}
	return 0xc000003e
}

// trapFilter notifies on bind, listen and those setsockopt calls that matter for a listener; all
// else is allowed without a look at it. Options that servers set on each accepted connection are
// never among them: that would cost a context switch a connection.
func trapFilter(options []option) []unix.SockFilter {
	a := &assembler{}
	a.op(ldWordAbs, 4) // arch
	a.skipUnless(jeqK, auditArch(), "allow")
	a.op(ldWordAbs, 0) // nr
	for _, nr := range []uint32{unix.SYS_BIND, unix.SYS_LISTEN} {
		a.retIf(jeqK, nr, unix.SECCOMP_RET_USER_NOTIF)
	}
	a.skipUnless(jeqK, unix.SYS_SETSOCKOPT, "allow")
	for _, o := range options {
		// The kernel takes int arguments: the low half alone counts.
		a.op(ldWordAbs, argsOffset+8)
		a.code = append(a.code, unix.SockFilter{Code: jeqK, K: uint32(o.level), Jf: 3})
		a.op(ldWordAbs, argsOffset+16)
		a.retIf(jeqK, uint32(o.name), unix.SECCOMP_RET_USER_NOTIF)
	}
	a.label("allow")
	a.op(retK, unix.SECCOMP_RET_ALLOW)
	return a.finish()
}

// installFilter sets no_new_privs and installs the filter on the calling thread, which must be
// locked to its goroutine; it returns the listener's descriptor. WAIT_KILLABLE_RECV (5.19) keeps
// signals such as Go's SIGURG from interrupting a trapped call; older kernels go without.
func installFilter(code []unix.SockFilter) (int, error) {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return -1, fmt.Errorf("cannot set no_new_privs: %w", err)
	}
	p := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	flags := []uintptr{
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
		unix.SECCOMP_FILTER_FLAG_NEW_LISTENER,
	}
	var errno unix.Errno
	for _, flag := range flags {
		var fd uintptr
		fd, _, errno = unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flag, uintptr(unsafe.Pointer(&p)))
		if errno == 0 {
			return int(fd), nil
		}
		if !errors.Is(errno, unix.EINVAL) {
			break
		}
	}
	return -1, fmt.Errorf("cannot install a seccomp filter with a listener: %w", errno)
}

func notifyIoctl(fd int, request uintptr, value unsafe.Pointer) unix.Errno {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(value))
		if errno != unix.EINTR {
			return errno
		}
	}
}

// receive waits for one trapped call, by the runtime's poller: a blocked thread a generation would
// cost its stacks. It returns false when no process is left under the filter.
func receive(listener syscall.RawConn, n *notification) bool {
	got := false
	err := listener.Read(func(fd uintptr) (done bool) {
		got, done = receiveNow(int(fd), n)
		return done
	})
	return got && err == nil
}

// receiveNow takes one trapped call if there is one; done is false where there is none yet.
func receiveNow(fd int, n *notification) (got, done bool) {
	for {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		ready, err := unix.Poll(poll, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err == nil && ready == 0:
			return false, false
		case err != nil, poll[0].Revents&unix.POLLIN == 0:
			return false, true // POLLHUP: the last process is gone
		}
		*n = notification{} // the kernel refuses a struct that is not zero
		switch notifyIoctl(fd, ioctlReceive, unsafe.Pointer(n)) {
		case 0:
			return true, true
		case unix.ENOENT: // that process was killed meanwhile
		default:
			return false, true
		}
	}
}

// stillValid says whether the trapped process still waits: only then is /proc/PID its own.
func stillValid(fd int, id uint64) bool {
	return notifyIoctl(fd, ioctlValid, unsafe.Pointer(&id)) == 0
}

func answer(fd int, a notificationAnswer) {
	// ENOENT: the process was killed while it waited; there is nobody to answer.
	_ = notifyIoctl(fd, ioctlSend, unsafe.Pointer(&a))
}

// replaceDescriptor puts a copy of source over the trapped process' descriptor target.
func replaceDescriptor(fd int, id uint64, source, target int, closeOnExec bool) error {
	a := addDescriptor{id: id, flags: unix.SECCOMP_ADDFD_FLAG_SETFD, source: uint32(source), target: uint32(target)}
	if closeOnExec {
		a.targetFlag = unix.O_CLOEXEC
	}
	if errno := notifyIoctl(fd, ioctlAddFD, unsafe.Pointer(&a)); errno != 0 {
		return fmt.Errorf("cannot hand the socket to the process: %w", errno)
	}
	return nil
}
