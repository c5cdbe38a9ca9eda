package main

import (
	"encoding/binary"
	"os"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// option names a socket option; int arguments of setsockopt(2).
type option struct {
	level int
	name  int
}

// listenerOptions are those that an app sets before bind and that a listener keeps or hands down to
// what it accepts. They are lost with the app's own socket, so they are recorded and set again on
// the launcher's. None of them is set by the usual servers on each accepted connection.
var listenerOptions = []option{
	{unix.SOL_SOCKET, unix.SO_REUSEPORT},
	{unix.SOL_SOCKET, unix.SO_RCVBUF},
	{unix.SOL_SOCKET, unix.SO_SNDBUF},
	{unix.SOL_SOCKET, unix.SO_MARK},
	{unix.SOL_SOCKET, unix.SO_BINDTODEVICE},
	{unix.IPPROTO_IP, unix.IP_FREEBIND},
	{unix.IPPROTO_IP, unix.IP_TRANSPARENT},
	{unix.IPPROTO_IPV6, unix.IPV6_V6ONLY},
	{unix.IPPROTO_IPV6, unix.IPV6_FREEBIND},
	{unix.IPPROTO_IPV6, unix.IPV6_TRANSPARENT},
	{unix.IPPROTO_TCP, unix.TCP_DEFER_ACCEPT},
	{unix.IPPROTO_TCP, unix.TCP_FASTOPEN},
	{unix.IPPROTO_TCP, unix.TCP_MAXSEG},
	{unix.IPPROTO_TCP, unix.TCP_CONGESTION},
}

const (
	maxOptionBytes = 64
	maxRecorded    = 4096
)

// recordedOptions keeps what an app set on its own sockets, by the socket's inode: a descriptor's
// number is used again, an inode is not while the socket lives. Bounded: the oldest are not needed
// once a socket is bound, and a process that sets more than that is not a listener's.
type recordedOptions struct {
	mu      sync.Mutex
	byInode map[uint64]map[option][]byte
}

func (r *recordedOptions) record(inode uint64, o option, value []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byInode == nil || len(r.byInode) >= maxRecorded {
		r.byInode = map[uint64]map[option][]byte{}
	}
	if r.byInode[inode] == nil {
		r.byInode[inode] = map[option][]byte{}
	}
	r.byInode[inode][o] = value
}

// take returns what was recorded for a socket and forgets it.
func (r *recordedOptions) take(inode uint64) map[option][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	options := r.byInode[inode]
	delete(r.byInode, inode)
	return options
}

// isSet reads an int option; false where it was not set.
func isSet(options map[option][]byte, o option) bool { return isSetOr(options, o, false) }

func isSetOr(options map[option][]byte, o option, unset bool) bool {
	value := options[o]
	if len(value) < 4 {
		return unset
	}
	return binary.NativeEndian.Uint32(value) != 0
}

// v6onlyDefault is what an app's IPv6 socket has where it says nothing; ipv6(7), bindv6only.
func v6onlyDefault() bool {
	raw, err := os.ReadFile("/proc/sys/net/ipv6/bindv6only")
	return err == nil && strings.TrimSpace(string(raw)) == "1"
}

// replay sets the recorded options on the launcher's socket. One that the launcher may not set
// (SO_MARK without CAP_NET_ADMIN) could not have been set by the app either.
func replay(fd int, options map[option][]byte) {
	for o, value := range options {
		_ = unix.SetsockoptString(fd, o.level, o.name, string(value))
	}
}
