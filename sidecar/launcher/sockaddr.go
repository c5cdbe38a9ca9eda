package main

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// address is what one reuseport group serves. `[::]` and `0.0.0.0` are different addresses, and so
// is `[::]` with and without IPV6_V6ONLY: the kernel keeps a group for each.
type address struct {
	ip     netip.Addr
	port   uint16
	scope  uint32 // link-local addresses
	v6only bool
}

func (a address) String() string {
	return netip.AddrPortFrom(a.ip, a.port).String()
}

func (a address) family() int {
	if a.ip.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func (a address) sockaddr() unix.Sockaddr {
	if a.ip.Is4() {
		return &unix.SockaddrInet4{Port: int(a.port), Addr: a.ip.As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.port), Addr: a.ip.As16(), ZoneId: a.scope}
}

// parseSockaddr reads a struct sockaddr_in or sockaddr_in6 (ip(7), ipv6(7)) as the app passed it.
// Any other family, and a truncated one, is an error: the call is left to the kernel.
func parseSockaddr(raw []byte) (address, error) {
	if len(raw) < 2 {
		return address{}, fmt.Errorf("cannot read the address: %d bytes", len(raw))
	}
	switch family := binary.NativeEndian.Uint16(raw); {
	case family == unix.AF_INET && len(raw) >= unix.SizeofSockaddrInet4:
		return address{ip: netip.AddrFrom4([4]byte(raw[4:8])), port: binary.BigEndian.Uint16(raw[2:])}, nil
	case family == unix.AF_INET6 && len(raw) >= 24: // SIN6_LEN_RFC2133: without the scope
		a := address{ip: netip.AddrFrom16([16]byte(raw[8:24])), port: binary.BigEndian.Uint16(raw[2:])}
		if len(raw) >= unix.SizeofSockaddrInet6 {
			a.scope = binary.NativeEndian.Uint32(raw[24:])
		}
		return a, nil
	default:
		return address{}, fmt.Errorf("cannot read the address: family %d of %d bytes", family, len(raw))
	}
}
