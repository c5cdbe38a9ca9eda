package main

import (
	"fmt"
	"os"
)

// version is set when the binary is built: -ldflags "-X main.version=...".
var version = "dev"

const usage = `hotupgrade-launcher runs a server and replaces it without refusing a connection.

  run [OPTIONS] -- COMMAND [ARG...]   run the server (as PID 1 of a container, or anywhere)
  upgrade [OPTIONS]                   replace it; returns when the new one serves or was taken back
  status [--json]                     what runs
  weight N | promote | rollback       act on the upgrade that is under way
  supervise [OPTIONS] -- COMMAND...   restart a command whenever it ends
  version

Each verb explains its options with --help. --socket PATH (or HOTUPGRADE_SOCKET) names the launcher.
`

func main() {
	os.Exit(dispatch(os.Args[1:]))
}

func dispatch(args []string) int {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return 2
	}
	verb, rest := args[0], args[1:]
	switch verb {
	case stageVerb:
		return runStage(rest)
	case selfTestVerb:
		return runSelfTest(rest)
	case "run":
		return mainRun(rest)
	case "supervise":
		return mainSupervise(rest)
	case "upgrade":
		return mainUpgrade(rest)
	case "status", "weight", "promote", "rollback":
		return mainCommand(verb, rest)
	case "version", "--version":
		fmt.Println(version)
		return 0
	case "help", "--help", "-h":
		fmt.Print(usage)
		return 0
	}
	fmt.Fprintf(os.Stderr, "hotupgrade-launcher: cannot do %q: run, upgrade, status, weight, promote, rollback, supervise and version are the verbs\n", verb)
	return 2
}
