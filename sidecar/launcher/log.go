package main

import (
	"fmt"
	"os"
	"time"
)

// log writes one event as a line of logfmt-like JSON to standard error.
func log(event string, pairs ...any) {
	line := fmt.Sprintf(`{"component":"launcher","time":%q,"event":%q`, time.Now().UTC().Format(time.RFC3339Nano), event)
	for i := 0; i+1 < len(pairs); i += 2 {
		line += fmt.Sprintf(`,%q:%q`, pairs[i], fmt.Sprint(pairs[i+1]))
	}
	fmt.Fprintln(os.Stderr, line+"}")
}
