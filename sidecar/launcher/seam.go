package main

import (
	"context"
	"time"
)

// Controller is what commands act on: the launcher itself, served over the Unix socket.
//
// Each method carries out one command of launcher_messages.py and answers the status after it, or
// the error that the sender acts on. Methods may be called from several goroutines at once.
type Controller interface {
	Status() LauncherStatus
	// Start answers once the process generation is started, not once it listens.
	Start(StartCommand) (LauncherStatus, *LauncherError)
	Weight(WeightCommand) (LauncherStatus, *LauncherError)
	Promote(PromoteCommand) (LauncherStatus, *LauncherError)
	Rollback(RollbackCommand) (LauncherStatus, *LauncherError)
	// Wait answers as soon as the status' sequence is greater than after, or when timeout or ctx ends.
	Wait(ctx context.Context, after int64, timeout time.Duration) LauncherStatus
}

// PeerPolicy says whose connections the socket serves; nobody below the app itself is ever served
// where isDescendant says so.
type PeerPolicy struct {
	Any  bool     // the mount is the boundary
	UIDs []uint32 // else these, and the launcher's own
}

// Current is what the store says a starting container runs.
type Current struct {
	Record     *RevisionRecord // nil: the image's own file
	Base       Base            // of this container: its image string, the digest of the replaced file
	Superseded string          // why `current` was not taken, if it was not
}

// Memory is the container's memory cgroup, in bytes; Limit 0 means none.
type Memory struct {
	Current int64
	Limit   int64
}
