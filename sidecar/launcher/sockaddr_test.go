package main

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

func rawInet4(port uint16, ip [4]byte) []byte {
	raw := make([]byte, unix.SizeofSockaddrInet4)
	binary.NativeEndian.PutUint16(raw, unix.AF_INET)
	binary.BigEndian.PutUint16(raw[2:], port)
	copy(raw[4:], ip[:])
	return raw
}

func rawInet6(port uint16, last byte) []byte {
	raw := make([]byte, unix.SizeofSockaddrInet6)
	binary.NativeEndian.PutUint16(raw, unix.AF_INET6)
	binary.BigEndian.PutUint16(raw[2:], port)
	raw[23] = last
	return raw
}

func TestParseSockaddrReadsBothFamilies(t *testing.T) {
	for want, raw := range map[string][]byte{
		"127.0.0.1:8080": rawInet4(8080, [4]byte{127, 0, 0, 1}),
		"0.0.0.0:80":     rawInet4(80, [4]byte{}),
		"[::1]:8080":     rawInet6(8080, 1),
		"[::]:443":       rawInet6(443, 0)[:24],
	} {
		got, err := parseSockaddr(raw)
		if err != nil || got.String() != want {
			t.Errorf("got %v, %v; want %s", got, err, want)
		}
	}
}

func TestParseSockaddrLeavesTheRestToTheKernel(t *testing.T) {
	for name, raw := range map[string][]byte{
		"empty":       nil,
		"one byte":    {2},
		"short inet4": rawInet4(1, [4]byte{})[:8],
		"short inet6": rawInet6(1, 0)[:20],
		"unix":        {1, 0, '/', 'x'},
	} {
		if got, err := parseSockaddr(raw); err == nil {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func FuzzParseSockaddr(f *testing.F) {
	f.Add(rawInet4(80, [4]byte{1, 2, 3, 4}))
	f.Add(rawInet6(80, 1))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if a, err := parseSockaddr(raw); err == nil && a.sockaddr() == nil {
			t.Fatal("an address without a sockaddr")
		}
	})
}
