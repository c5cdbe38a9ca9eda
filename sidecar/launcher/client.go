package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// client is one connection to a launcher's socket.
type client struct {
	connection *os.File
	lines      *bufio.Reader
}

func dial(socket string) (*client, error) {
	if socket == "" {
		return nil, fmt.Errorf("cannot reach the launcher: no socket; --socket PATH or %s", socketVariable)
	}
	connection, err := dialUnix(socket, 5*time.Second)
	if err != nil {
		return nil, fmt.Errorf("cannot reach the launcher: %w", err)
	}
	return &client{connection, bufio.NewReader(connection)}, nil
}

// call sends a command and returns the launcher's status after it; a refusal is a *LauncherError.
func (c *client) call(command Command) (*LauncherStatus, error) {
	command.V = protocolVersion
	raw, err := json.Marshal(command)
	if err != nil {
		return nil, err
	}
	if _, err = c.connection.Write(append(raw, '\n')); err != nil {
		return nil, fmt.Errorf("cannot send the command: %w", err)
	}
	line, err := c.lines.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("cannot read the launcher's answer: %w", err)
	}
	var a LauncherAnswer
	if err = json.Unmarshal(line, &a); err != nil {
		return nil, fmt.Errorf("cannot read the launcher's answer: %w", err)
	}
	if a.Error != nil {
		return nil, a.Error
	}
	if a.Status == nil {
		return nil, fmt.Errorf("cannot read the launcher's answer: neither status nor error in it")
	}
	return a.Status, nil
}

// waitWhile follows the launcher's status until the condition no longer holds.
func (c *client) waitWhile(s *LauncherStatus, holds func(*LauncherStatus) bool) (*LauncherStatus, error) {
	for holds(s) {
		next, err := c.call(Command{Command: "wait", After: s.Sequence})
		if err != nil {
			return nil, err
		}
		s = next
	}
	return s, nil
}

// upgradeOf is the launcher's current upgrade, which weight, promote and rollback act on.
func (c *client) upgradeOf() (string, error) {
	s, err := c.call(Command{Command: "status"})
	if err != nil {
		return "", err
	}
	if s.Upgrade == nil {
		return "", fmt.Errorf("cannot act: there is no upgrade; `hotupgrade-launcher upgrade` starts one")
	}
	return s.Upgrade.ID, nil
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, "hotupgrade-launcher:", err)
	return 1
}
