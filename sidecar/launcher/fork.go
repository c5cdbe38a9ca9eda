package main

import (
	"os"
	"os/exec"
	"syscall"
)

// forkExec starts this binary again as another verb, in a process group of its own so that the whole
// of it can be ended. Not os/exec: PID 1 reaps everything by wait4(-1), and two reapers would race.
func forkExec(argv, env []string, files []uintptr) (int, error) {
	return syscall.ForkExec("/proc/self/exe", argv, &syscall.ProcAttr{
		Env:   env,
		Files: files,
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
}

// forkCommand starts a command, looked up in PATH, in a process group of its own.
func forkCommand(argv []string) (int, error) {
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return 0, err
	}
	return syscall.ForkExec(path, argv, &syscall.ProcAttr{
		Env:   originalEnvironment(os.Environ()),
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Setpgid: true},
	})
}
