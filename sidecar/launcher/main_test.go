package main

import (
	"os"
	"testing"
)

// The test binary stands in for the launcher's where that starts itself: as stage and as self-test.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == stageVerb || os.Args[1] == selfTestVerb) {
		os.Exit(dispatch(os.Args[1:]))
	}
	os.Exit(m.Run())
}
