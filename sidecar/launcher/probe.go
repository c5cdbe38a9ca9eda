package main

import (
	"bufio"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	probeTimeout = 2 * time.Second
	probePause   = 20 * time.Millisecond
)

// probeURL is what --probe names: a path on an address of this host.
type probeURL struct {
	host string // as written, for the Host field
	to   netip.AddrPort
	path string
	name bool // localhost: the other family is as good
}

// parseProbe reads http://HOST[:PORT][/PATH]. HOST is an IP address ([IPv6] in brackets) or
// localhost: the new process is on this host, so no name has to be looked up.
func parseProbe(text string) (probeURL, error) {
	rest, isHTTP := strings.CutPrefix(text, "http://")
	host, path, _ := strings.Cut(rest, "/")
	numeric, isName := strings.CutPrefix(host, "localhost")
	if isName {
		numeric = "127.0.0.1" + numeric
	}
	if strings.HasSuffix(numeric, "]") || !strings.Contains(numeric, ":") {
		numeric += ":80"
	}
	to, err := netip.ParseAddrPort(numeric)
	if !isHTTP || err != nil || to.Port() == 0 || strings.ContainsAny(text, " \r\n") {
		return probeURL{}, fmt.Errorf("cannot probe %q: http://HOST:PORT/PATH is right, with an IP address or localhost as HOST", text)
	}
	return probeURL{host: host, to: to, path: "/" + path, name: isName}, nil
}

// probeUntil asks the upgrade's new process until it answers well, its time is up or the upgrade is
// no longer waiting for it: one that listens is not always ready.
func (c *client) probeUntil(u probeURL, s *LauncherStatus, ready time.Duration) (*LauncherStatus, error) {
	id := s.Upgrade.ID
	deadline := time.Now().Add(ready)
	for {
		why := u.ask(s)
		if why == nil || time.Now().After(deadline) {
			return s, why
		}
		time.Sleep(probePause)
		next, err := c.call(Command{Command: "status"})
		if err != nil {
			return s, err
		}
		if s = next; s.Upgrade == nil || s.Upgrade.ID != id || s.Upgrade.State != UpgradeListening {
			return s, nil
		}
	}
}

// ask sends one request to the new process on the real port, by a source port of its slot.
func (u probeURL) ask(s *LauncherStatus) error {
	socket, err := u.socketOf(s)
	if err != nil {
		return err
	}
	if u.name && strings.HasPrefix(socket.Address, "[::1]") {
		u.to = netip.AddrPortFrom(netip.IPv6Loopback(), u.to.Port())
	}
	for source := socket.ProbePorts[0]; source <= socket.ProbePorts[1]; source++ {
		err = u.get(source)
		if !errors.Is(err, unix.EADDRINUSE) && !errors.Is(err, unix.EADDRNOTAVAIL) {
			break
		}
	}
	return err
}

// socketOf finds the new process' socket that a connection to the address reaches: an exact one
// comes before a wildcard.
func (u probeURL) socketOf(s *LauncherStatus) (found SocketStatus, err error) {
	err = fmt.Errorf("cannot probe: the new process does not listen on port %d", u.to.Port())
	for _, g := range s.Generations {
		for _, socket := range g.Sockets {
			address, bad := netip.ParseAddrPort(socket.Address)
			if g.Number != s.Upgrade.Generation || bad != nil || address.Port() != u.to.Port() {
				continue
			}
			if address.Addr() == u.to.Addr() {
				return socket, nil
			}
			sameFamily := address.Addr().Is4() == u.to.Addr().Is4()
			if err != nil || sameFamily && address.Addr().IsUnspecified() {
				found, err = socket, nil
			}
		}
	}
	return found, err
}

// get sends one request from the source port, with the destination's own address as the source: only
// this host can send that. RFC 9112; 200 to 399 is healthy, as for a kubelet's httpGet.
func (u probeURL) get(source int) error {
	from := address{ip: u.to.Addr(), port: uint16(source)}
	connection, err := connect(address{ip: u.to.Addr(), port: u.to.Port()}, &from, probeTimeout)
	if err != nil {
		return fmt.Errorf("cannot probe %v: %w", u.to, err)
	}
	defer connection.Close()
	resetAtClose(connection)
	_ = connection.SetDeadline(time.Now().Add(probeTimeout))
	if _, err = fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: hotupgrade\r\nConnection: close\r\n\r\n", u.path, u.host); err != nil {
		return fmt.Errorf("cannot probe: %w", err)
	}
	line, err := bufio.NewReaderSize(connection, 512).ReadSlice('\n')
	fields := strings.Fields(string(line))
	if err != nil || len(fields) < 2 {
		return fmt.Errorf("cannot probe %v%s: no HTTP answer", u.to, u.path)
	}
	if code, err := strconv.Atoi(fields[1]); err != nil || code < 200 || code > 399 {
		return fmt.Errorf("http://%v%s answered %q", u.to, u.path, strings.TrimSpace(string(line)))
	}
	return nil
}

// resetAtClose keeps the few probe ports out of TIME_WAIT; socket(7), SO_LINGER.
func resetAtClose(connection *os.File) {
	if raw, err := connection.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptLinger(int(fd), unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
		})
	}
}
