package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const probeTimeout = 2 * time.Second

// probeGeneration asks the upgrade's new process on the real port, by a source port of its slot. It
// tries for the process' ready time: one that listens is not always ready.
func probeGeneration(text string, s *LauncherStatus) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return fmt.Errorf("cannot probe %q: http://HOST:PORT/PATH is right", text)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	socket, err := socketOn(port, s)
	if err != nil {
		return err
	}
	var last error
	for range 10 {
		for source := socket.ProbePorts[0]; source <= socket.ProbePorts[1]; source++ {
			if last = get(u, net.JoinHostPort(u.Hostname(), port), source); !errors.Is(last, unix.EADDRINUSE) && !errors.Is(last, unix.EADDRNOTAVAIL) {
				break
			}
		}
		if last == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return last
}

func socketOn(port string, s *LauncherStatus) (SocketStatus, error) {
	for _, g := range s.Generations {
		for _, socket := range g.Sockets {
			if g.Number == s.Upgrade.Generation && strings.HasSuffix(socket.Address, ":"+port) {
				return socket, nil
			}
		}
	}
	return SocketStatus{}, fmt.Errorf("cannot probe: the new process does not listen on port %s", port)
}

// get sends one request from the source port, with the destination's own address as the source: only
// this host can send that. RFC 9112; 200 to 399 is healthy, as for a kubelet's httpGet.
func get(u *url.URL, target string, source int) error {
	to, err := net.ResolveTCPAddr("tcp", target)
	if err != nil {
		return fmt.Errorf("cannot probe: %w", err)
	}
	dialer := net.Dialer{
		Timeout: probeTimeout, LocalAddr: &net.TCPAddr{IP: to.IP, Port: source, Zone: to.Zone},
		Control: func(_, _ string, raw syscall.RawConn) (err error) {
			cerr := raw.Control(func(fd uintptr) {
				err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
			})
			return errors.Join(cerr, err)
		},
	}
	connection, err := dialer.Dial("tcp", to.String())
	if err != nil {
		return fmt.Errorf("cannot probe: %w", err)
	}
	defer connection.Close()
	_ = connection.(*net.TCPConn).SetLinger(0) // no TIME_WAIT on the few probe ports
	_ = connection.SetDeadline(time.Now().Add(probeTimeout))
	if _, err = fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: hotupgrade\r\nConnection: close\r\n\r\n", u.RequestURI(), u.Host); err != nil {
		return fmt.Errorf("cannot probe: %w", err)
	}
	line, err := bufio.NewReaderSize(connection, 512).ReadString('\n')
	fields := strings.Fields(line)
	if err != nil || len(fields) < 2 {
		return fmt.Errorf("cannot probe %s: no HTTP answer", u)
	}
	if code, err := strconv.Atoi(fields[1]); err != nil || code < 200 || code > 399 {
		return fmt.Errorf("%s answered %s", u, strings.TrimSpace(line))
	}
	return nil
}
