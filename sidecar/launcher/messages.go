package main

// Go's side of api/hotupgrade_api/launcher_messages.py and store_records.py: the same names, and the
// same JSON (tests/contract/golden). Durations are seconds.

import (
	"encoding/json"
	"fmt"
	"time"
)

const (
	protocolVersion = 1
	maxLine         = 1 << 20
	maxIDLength     = 128
)

type Mode string

const (
	ModeTransparent Mode = "transparent"
	ModePlain       Mode = "plain"
)

type ProcessState string

const (
	ProcessStarting  ProcessState = "starting"
	ProcessListening ProcessState = "listening"
	ProcessServing   ProcessState = "serving"
	ProcessWarm      ProcessState = "warm"
	ProcessDraining  ProcessState = "draining"
	ProcessExited    ProcessState = "exited"
)

type UpgradeState string

const (
	UpgradeStarting   UpgradeState = "starting"
	UpgradeListening  UpgradeState = "listening"
	UpgradeShifted    UpgradeState = "shifted"
	UpgradeFlipped    UpgradeState = "flipped"
	UpgradePromoted   UpgradeState = "promoted"
	UpgradeRolledBack UpgradeState = "rolledBack"
)

type TakenBack string

const (
	TakenBackExited             TakenBack = "ProcessExited"
	TakenBackNotReady           TakenBack = "NotReady"
	TakenBackProbeFailed        TakenBack = "ProbeFailed"
	TakenBackOutOfMemory        TakenBack = "OutOfMemory"
	TakenBackRequested          TakenBack = "Requested"
	TakenBackVerificationFailed TakenBack = "VerificationFailed"
	TakenBackStartFailed        TakenBack = "StartFailed"
)

type Program struct {
	File     string `json:"file"`
	SHA256   string `json:"sha256"`
	Replaces string `json:"replaces,omitempty"`
}

// LauncherHandoff's fields are pointers where absence means a default that is not zero.
type LauncherHandoff struct {
	ReadyTimeoutSeconds   *float64 `json:"readyTimeoutSeconds,omitempty"`
	DrainSeconds          *float64 `json:"drainSeconds,omitempty"`
	LameDuckSeconds       *float64 `json:"lameDuckSeconds,omitempty"`
	RollbackWindowSeconds *float64 `json:"rollbackWindowSeconds,omitempty"`
	StopSignal            string   `json:"stopSignal,omitempty"`
}

// Command is any of the commands: which fields count depends on Command.
type Command struct {
	V           int               `json:"v,omitempty"`
	Command     string            `json:"command"`
	Upgrade     string            `json:"upgrade,omitempty"`
	Revision    string            `json:"revision,omitempty"`
	Version     string            `json:"version,omitempty"`
	Program     *Program          `json:"program,omitempty"`
	Env         map[string]string `json:"env,omitempty"`
	Handoff     LauncherHandoff   `json:"handoff,omitzero"`
	AutoPromote bool              `json:"autoPromote,omitempty"`
	Weight      *int              `json:"weight,omitempty"`
	Reason      TakenBack         `json:"reason,omitempty"`
	Message     string            `json:"message,omitempty"`
	After       int64             `json:"after,omitempty"`
	Timeout     *float64          `json:"timeoutSeconds,omitempty"`
}

type SocketStatus struct {
	Address    string `json:"address"`
	Slot       int    `json:"slot"`
	ProbePorts [2]int `json:"probePorts"`
	Queued     int    `json:"queued,omitempty"`
}

type ProcessGeneration struct {
	Number    int            `json:"number"`
	State     ProcessState   `json:"state"`
	PID       int            `json:"pid,omitempty"`
	Revision  string         `json:"revision,omitempty"`
	Version   string         `json:"version,omitempty"`
	SHA256    string         `json:"sha256,omitempty"`
	Weight    int            `json:"weight,omitempty"`
	StartedAt float64        `json:"startedAt,omitempty"`
	RSSBytes  int64          `json:"rssBytes,omitempty"`
	Sockets   []SocketStatus `json:"sockets,omitempty"`
	Exit      string         `json:"exit,omitempty"`
}

type UpgradeStatus struct {
	ID         string       `json:"id"`
	State      UpgradeState `json:"state"`
	Revision   string       `json:"revision,omitempty"`
	Generation int          `json:"generation,omitempty"`
	Reason     TakenBack    `json:"reason,omitempty"`
	Message    string       `json:"message,omitempty"`
	ListenMS   float64      `json:"listenMs,omitempty"`
	FlipMS     float64      `json:"flipMs,omitempty"`
	RollbackMS float64      `json:"rollbackMs,omitempty"`
}

type Base struct {
	Image  string `json:"image,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

type LauncherStatus struct {
	Sequence         int64               `json:"sequence"`
	Mode             Mode                `json:"mode"`
	Reason           string              `json:"reason,omitempty"`
	HotCapable       *bool               `json:"hotCapable,omitempty"` // absent: true
	LauncherVersion  string              `json:"launcherVersion,omitempty"`
	Revision         string              `json:"revision,omitempty"`
	Version          string              `json:"version,omitempty"`
	Base             Base                `json:"base,omitzero"`
	Superseded       string              `json:"superseded,omitempty"`
	Restarts         int                 `json:"restarts,omitempty"`
	Generations      []ProcessGeneration `json:"generations,omitempty"`
	Upgrade          *UpgradeStatus      `json:"upgrade,omitempty"`
	MemoryBytes      int64               `json:"memoryBytes,omitempty"`
	MemoryLimitBytes int64               `json:"memoryLimitBytes,omitempty"`
	V                int                 `json:"v,omitempty"`
}

type ErrorCode string

const (
	CodeInvalid     ErrorCode = "Invalid"
	CodeBusy        ErrorCode = "Busy"
	CodeNotFound    ErrorCode = "NotFound"
	CodeConflict    ErrorCode = "Conflict"
	CodeUnsupported ErrorCode = "Unsupported"
	CodeRefused     ErrorCode = "Refused"
)

type LauncherError struct {
	Code    ErrorCode `json:"code"`
	Message string    `json:"message"`
}

func (e *LauncherError) Error() string { return e.Message }

func refusal(code ErrorCode, format string, args ...any) *LauncherError {
	return &LauncherError{Code: code, Message: fmt.Sprintf(format, args...)}
}

type LauncherAnswer struct {
	Status *LauncherStatus `json:"status,omitempty"`
	Error  *LauncherError  `json:"error,omitempty"`
	V      int             `json:"v,omitempty"`
}

// RevisionRecord lies on the store volume; Program.File is relative to the store's root.
type RevisionRecord struct {
	Revision string  `json:"revision"`
	Program  Program `json:"program"`
	Version  string  `json:"version,omitempty"`
	Base     Base    `json:"base,omitzero"`
	V        int     `json:"v,omitempty"`
}

// decodeCommand reads one line of the socket. Unknown fields are ignored (a newer peer), an unknown
// command or version is not.
func decodeCommand(line []byte) (Command, *LauncherError) {
	var c Command
	if err := json.Unmarshal(line, &c); err != nil {
		return c, refusal(CodeInvalid, "cannot read the command: %v; one JSON object a line is right", err)
	}
	if c.V != 0 && c.V != protocolVersion {
		return c, refusal(CodeInvalid, "cannot read the command: v is %d, this launcher speaks %d", c.V, protocolVersion)
	}
	switch c.Command {
	case "status", "wait":
		return c, nil
	case "start", "promote", "rollback":
	case "weight":
		if c.Weight == nil || *c.Weight < 0 || *c.Weight > 100 {
			return c, refusal(CodeInvalid, "cannot set the weight: weight must be 0 to 100")
		}
	default:
		return c, refusal(CodeInvalid, "cannot do %.40q: status, start, weight, promote, rollback and wait are the commands", c.Command)
	}
	if c.Upgrade == "" || len(c.Upgrade) > maxIDLength {
		return c, refusal(CodeInvalid, "cannot %s: upgrade must be 1 to %d characters", c.Command, maxIDLength)
	}
	return c, nil
}

// handoff is a LauncherHandoff with its defaults in place.
type handoff struct {
	ready    time.Duration
	drain    time.Duration
	lameDuck time.Duration
	window   time.Duration
	stop     string
}

var defaultHandoff = handoff{ready: time.Minute, drain: 30 * time.Second, window: time.Minute, stop: "SIGTERM"}

const maxTime = 7 * 24 * time.Hour

// boundedSeconds is the duration of so many seconds: not negative, nor more than most.
func boundedSeconds(seconds float64, most time.Duration) time.Duration {
	return time.Duration(min(max(seconds, 0), most.Seconds()) * float64(time.Second))
}

// over lays what the command says over the defaults of `run`. Negative and absurd times are bounded.
func (h handoff) over(l LauncherHandoff) handoff {
	set := func(to *time.Duration, seconds *float64) {
		if seconds != nil {
			*to = boundedSeconds(*seconds, maxTime)
		}
	}
	set(&h.ready, l.ReadyTimeoutSeconds)
	set(&h.drain, l.DrainSeconds)
	set(&h.lameDuck, l.LameDuckSeconds)
	set(&h.window, l.RollbackWindowSeconds)
	if l.StopSignal != "" {
		h.stop = l.StopSignal
	}
	return h
}
