package main

import "testing"

func TestEstablishedConnectionsAreReadFromTheKernelsTable(t *testing.T) {
	for line, want := range map[string]struct {
		inode uint64
		port  uint16
		ok    bool
	}{
		"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n":                                     {},
		"   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41 1 0000000000000000 100 0 0 10 0\n":        {},
		"   1: 0100007F:1F90 0100007F:9C40 01 00000000:00000000 00:00000000 00000000  1000        0 42 1 0000000000000000 20 4 30 10 -1\n":       {42, 8080, true},
		"   2: 0000000000000000FFFF00000100007F:0050 0000000000000000FFFF00000100007F:9C40 01 00000000:00000000 00:00000000 00000000 0 0 43 1\n": {43, 80, true},
		"   3: 0100007F:1F90 0100007F:9C40 06 00000000:00000000 03:00000176 00000000     0        0 0 3 0000000000000000\n":                      {},
		"   4: 0100007F:1F90 0100007F:9C40 01 00000000\n":                                                                                        {},
		"": {},
	} {
		if inode, port, ok := parseEstablished([]byte(line)); ok != want.ok || ok && (inode != want.inode || port != want.port) {
			t.Errorf("%q: inode %d, port %d, %v", line, inode, port, ok)
		}
	}
}
