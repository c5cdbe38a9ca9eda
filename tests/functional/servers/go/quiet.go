package main

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// quiet counts what a server has accepted and not closed yet, so that it can crash between two
// requests: what is within a process that dies is lost whoever supervises it, and a test that asks
// for no failed request means the others, down to those that the kernel still holds in its queue.
type quiet struct {
	net.Listener
	inFlight *sync.WaitGroup
	stopped  chan struct{} // closed once it accepts no more
}

// Accept blocks for good once stop was called.
func (q *quiet) Accept() (net.Conn, error) {
	c, err := q.Listener.Accept()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		close(q.stopped)
		select {}
	}
	if err != nil {
		return nil, err
	}
	q.inFlight.Add(1)
	return &counted{Conn: c, done: sync.OnceFunc(q.inFlight.Done)}, nil
}

// stop leaves what comes from now on in the kernel's queue, and waits for what was accepted.
func (q *quiet) stop() {
	_ = q.Listener.(*net.TCPListener).SetDeadline(time.Now())
	<-q.stopped
	q.inFlight.Wait()
}

type counted struct {
	net.Conn
	done func()
}

func (c *counted) Close() error {
	err := c.Conn.Close()
	c.done()
	return err
}
