package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// readMemory reads n bytes of another process; proc_pid_mem(5).
func readMemory(pid uint32, at uint64, n int) ([]byte, error) {
	file, err := os.Open("/proc/" + strconv.Itoa(int(pid)) + "/mem")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	raw := make([]byte, n)
	if _, err := file.ReadAt(raw, int64(at)); err != nil {
		return nil, err
	}
	return raw, nil
}

// socketInode reads the inode behind a descriptor; an error where it is not a socket.
func socketInode(pid uint32, fd int) (uint64, error) {
	link, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, fd))
	if err != nil {
		return 0, err
	}
	return parseSocketLink(link)
}

func parseSocketLink(link string) (uint64, error) {
	number, found := strings.CutPrefix(link, "socket:[")
	if !found {
		return 0, fmt.Errorf("cannot take %q: not a socket", link)
	}
	return strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64)
}

// ownInode is the inode of a socket of the launcher's.
func ownInode(fd int) (uint64, error) {
	var stat unix.Stat_t
	err := unix.Fstat(fd, &stat)
	return stat.Ino, err
}

// protocolName is the kernel's name of the socket's protocol: TCP, TCPv6, UDP, MPTCP, ...
// The sockfs xattr (net/socket.c) tells it without a copy of the descriptor.
func protocolName(pid uint32, fd int) (string, error) {
	raw := make([]byte, 32)
	n, err := unix.Getxattr(fmt.Sprintf("/proc/%d/fd/%d", pid, fd), "system.sockprotoname", raw)
	if err != nil {
		return "", err
	}
	return string(bytes.TrimRight(raw[:n], "\x00")), nil
}

// descriptorFlags reads O_NONBLOCK and O_CLOEXEC; proc_pid_fdinfo(5).
func descriptorFlags(pid uint32, fd int) (nonblock, closeOnExec bool) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", pid, fd))
	if err != nil {
		return false, false
	}
	for line := range strings.Lines(string(raw)) {
		if value, found := strings.CutPrefix(line, "flags:"); found {
			flags, _ := strconv.ParseUint(strings.TrimSpace(value), 8, 64)
			return flags&unix.O_NONBLOCK != 0, flags&unix.O_CLOEXEC != 0
		}
	}
	return false, false
}

// inEpoll says whether the process registered the descriptor with an epoll instance already. Such a
// registration would stay with the app's own socket and never fire again.
func inEpoll(pid uint32, fd int) bool {
	folder := fmt.Sprintf("/proc/%d/fd/", pid)
	names, _ := namesIn(folder)
	want := fmt.Appendf(nil, "tfd: %8d ", fd)
	for _, name := range names {
		link, err := os.Readlink(folder + name)
		if err != nil || link != "anon_inode:[eventpoll]" {
			continue
		}
		info, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%s", pid, name))
		if err == nil && bytes.Contains(info, want) {
			return true
		}
	}
	return false
}

// processStat is what proc_pid_stat(5) says of a process' place in the tree.
type processStat struct {
	pid    int
	parent int
	group  int
	state  byte
}

func parseStat(raw []byte) (processStat, error) {
	end := bytes.LastIndexByte(raw, ')') // the command may hold anything, parentheses too
	open := bytes.IndexByte(raw, '(')
	if open < 0 || end < open {
		return processStat{}, errors.New("cannot read the stat line: no command in it")
	}
	var fields [3][]byte
	n := 0
	for field := range bytes.FieldsSeq(raw[end+1:]) {
		if fields[n] = field; n == len(fields)-1 {
			break
		}
		n++
	}
	if n < len(fields)-1 {
		return processStat{}, errors.New("cannot read the stat line: too short")
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(raw[:open])))
	if err != nil {
		return processStat{}, err
	}
	s := processStat{pid: pid, state: fields[0][0]}
	s.parent, _ = strconv.Atoi(string(fields[1]))
	s.group, _ = strconv.Atoi(string(fields[2]))
	return s, nil
}

// processTable reads every process that /proc shows. One that ends meanwhile is left out. It is read
// often: one buffer for all of it keeps the garbage small.
func processTable() []processStat {
	names, _ := namesIn("/proc")
	table := make([]processStat, 0, 16)
	var buffer [512]byte // a command has at most 16 bytes, and what is read stands near the start
	for _, name := range names {
		if name[0] < '0' || name[0] > '9' {
			continue
		}
		if s, err := parseStat(readStart("/proc/"+name+"/stat", buffer[:])); err == nil {
			table = append(table, s)
		}
	}
	return table
}

// readStart fills the buffer from a file's start; what it returns is empty where it cannot.
func readStart(name string, buffer []byte) []byte {
	fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	n, _ := unix.Read(fd, buffer)
	return buffer[:max(n, 0)]
}

// family picks the pids below a root (itself too), and those of its process group, which a child
// that was orphaned stays in. Zombies are left out.
func family(table []processStat, root int) []int {
	members := map[int]bool{root: true}
	for grown := true; grown; {
		grown = false
		for _, s := range table {
			if !members[s.pid] && (members[s.parent] || s.group == root) {
				members[s.pid] = true
				grown = true
			}
		}
	}
	var pids []int
	for _, s := range table {
		if members[s.pid] && s.state != 'Z' {
			pids = append(pids, s.pid)
		}
	}
	return pids
}

// socketsOf collects the inodes of the sockets that the processes hold. all is false where one of
// them may not be looked at.
func socketsOf(pids []int) (inodes map[uint64]bool, all bool) {
	inodes, all = map[uint64]bool{}, true
	for _, pid := range pids {
		folder := fmt.Sprintf("/proc/%d/fd/", pid)
		names, err := namesIn(folder)
		all = all && !errors.Is(err, os.ErrPermission)
		for _, name := range names {
			if link, err := os.Readlink(folder + name); err == nil {
				if inode, err := parseSocketLink(link); err == nil {
					inodes[inode] = true
				}
			}
		}
	}
	return inodes, all
}

func namesIn(folder string) ([]string, error) {
	file, err := os.Open(folder)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return file.Readdirnames(-1)
}

// residentBytes adds up VmRSS of the processes; proc_pid_statm(5).
func residentBytes(pids []int) int64 {
	var sum int64
	for _, pid := range pids {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if err != nil {
			continue
		}
		if fields := strings.Fields(string(raw)); len(fields) > 1 {
			pages, _ := strconv.ParseInt(fields[1], 10, 64)
			sum += pages * int64(os.Getpagesize())
		}
	}
	return sum
}
