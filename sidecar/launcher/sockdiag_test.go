package main

import (
	"net/netip"
	"testing"
)

func TestEstablishedConnectionsAreListedWithPortAndInode(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "::1"} {
		g := newGroup(t, ip, 100)
		client := connectFrom(t, ":0", g.address.String())
		own := netip.MustParseAddrPort(client.LocalAddr().String()).Port()
		seen := map[uint16]uint64{}
		if err := eachEstablished(func(inode uint64, port uint16) { seen[port] = inode }); err != nil {
			t.Fatal(err)
		}
		if held, _ := socketsOf([]int{selfPID}); !held[seen[own]] {
			t.Errorf("%s: inode %d of port %d is none of this process'", ip, seen[own], own)
		}
	}
}
