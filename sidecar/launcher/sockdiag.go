package main

import (
	"encoding/binary"
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// sock_diag(7) and linux/inet_diag.h; x/sys has neither the structs nor most of the numbers.
const (
	sockDiagByFamily = 20
	tcpEstablished   = 1
	diagRequestBytes = unix.SizeofNlMsghdr + 56 // struct inet_diag_req_v2
	diagMessageBytes = 72                       // struct inet_diag_msg
	diagSourcePort   = 4                        // of id.idiag_sport in it, big endian
	diagInode        = 68
	diagBuffer       = 16 << 10
)

// eachEstablished calls on for each established TCP connection of this network namespace. The kernel
// picks them: a table of all would hold each one in TIME_WAIT, too.
func eachEstablished(on func(inode uint64, port uint16)) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	limit := unix.Timeval{Sec: 1}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit); err != nil {
		return err
	}
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		if err := unix.Sendto(fd, diagRequest(family), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
			return err
		}
		if err := readDiag(fd, on); err != nil {
			return err
		}
	}
	return nil
}

func diagRequest(family byte) []byte {
	request := make([]byte, diagRequestBytes)
	binary.NativeEndian.PutUint32(request, diagRequestBytes)
	binary.NativeEndian.PutUint16(request[4:], sockDiagByFamily)
	binary.NativeEndian.PutUint16(request[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	body := request[unix.SizeofNlMsghdr:]
	body[0], body[1] = family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(body[4:], 1<<tcpEstablished)
	return request
}

// readDiag reads one dump to its end; netlink(7).
func readDiag(fd int, on func(inode uint64, port uint16)) error {
	buffer := make([]byte, diagBuffer)
	for {
		n, err := unix.Read(fd, buffer)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		messages, err := syscall.ParseNetlinkMessage(buffer[:n])
		if err != nil {
			return err
		}
		for _, m := range messages {
			switch {
			case m.Header.Type == unix.NLMSG_DONE:
				return nil
			case m.Header.Type == unix.NLMSG_ERROR:
				return errors.New("cannot list connections: the kernel refused")
			case len(m.Data) >= diagMessageBytes:
				on(uint64(binary.NativeEndian.Uint32(m.Data[diagInode:])), binary.BigEndian.Uint16(m.Data[diagSourcePort:]))
			}
		}
	}
}
