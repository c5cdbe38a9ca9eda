package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func script(t *testing.T, name, text string) (sum string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	raw := sha256.Sum256([]byte(text))
	return hex.EncodeToString(raw[:])
}

// runs starts an image under the stage and returns how it ended.
func runs(t *testing.T, i image) unix.WaitStatus {
	t.Helper()
	s, err := spawn(i, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.started(); err != nil {
		t.Error(err)
	}
	var status unix.WaitStatus
	if _, err := waitFor(s.pid, &status); err != nil {
		t.Fatal(err)
	}
	return status
}

func TestFileThatIsSwappedAfterTheHashDoesNotRun(t *testing.T) {
	name := filepath.Join(t.TempDir(), "app")
	sum := script(t, name, "#!/bin/sh\nexit 41\n") // a script: its interpreter opens the descriptor once more
	spec := runSpec{argv: []string{"app"}, program: &Program{File: name, SHA256: strings.ToUpper(sum)}}
	img, err := spec.resolve()
	if err != nil {
		t.Fatal(err)
	}
	defer closeFile(img.file)
	script(t, name+".other", "#!/bin/sh\nexit 42\n")
	if err := os.Rename(name+".other", name); err != nil {
		t.Fatal(err)
	}
	if status := runs(t, img); status.ExitStatus() != 41 {
		t.Errorf("%s, want the verified file's 41", describeExit(status))
	}
	if _, err := spec.resolve(); !errors.Is(err, errVerification) {
		t.Errorf("the other file is taken for the verified one: %v", err)
	}
}

func TestVerifiedBinaryRunsFromItsDescriptor(t *testing.T) {
	name := filepath.Join(t.TempDir(), "app")
	raw, err := os.ReadFile("/bin/false")
	if err != nil {
		t.Fatal(err)
	}
	spec := runSpec{argv: []string{"app"}, program: &Program{File: name, SHA256: script(t, name, string(raw))}}
	img, err := spec.resolve()
	if err != nil {
		t.Fatal(err)
	}
	defer closeFile(img.file)
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if status := runs(t, img); status.ExitStatus() != 1 {
		t.Errorf("%s, want 1", describeExit(status))
	}
}

func TestOnlyRegularFilesAreVerified(t *testing.T) {
	folder := t.TempDir()
	fifo := filepath.Join(folder, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{folder, fifo, filepath.Join(folder, "none"), "/dev/zero"} {
		if file, err := openVerified(name, strings.Repeat("0", 64)); err == nil {
			_ = file.Close()
			t.Errorf("%s is taken for a program", name)
		}
	}
}

func TestArtifactTakesThePlaceOfItsWord(t *testing.T) {
	for name, c := range map[string]struct {
		command  []string
		replaces string
		argv     []string
		path     string
		fails    bool
	}{
		"the program":             {[]string{"/app", "-v"}, "", []string{"/app", "-v"}, verifiedPath, false},
		"the program by its word": {[]string{"/app", "-v"}, "/app", []string{"/app", "-v"}, verifiedPath, false},
		"a jar":                   {[]string{"java", "-jar", "/app.jar"}, "/app.jar", []string{"java", "-jar", "/store/x"}, "", false},
		"a shell's text":          {[]string{"sh", "-c", "exec $HOTUPGRADE_ARTIFACT"}, "/app", []string{"sh", "-c", "exec $HOTUPGRADE_ARTIFACT"}, "", false},
		"a text with a default":   {[]string{"sh", "-c", "exec ${HOTUPGRADE_ARTIFACT:-/app}"}, "/app", []string{"sh", "-c", "exec ${HOTUPGRADE_ARTIFACT:-/app}"}, "", false},
		"another word":            {[]string{"sh", "-c", "exec /app"}, "/app", nil, "", true},
	} {
		i, err := replaceWord(c.command, Program{File: "/store/x", Replaces: c.replaces}, nil)
		switch {
		case c.fails != (err != nil):
			t.Errorf("%s: %v", name, err)
		case !c.fails && (!slices.Equal(i.argv, c.argv) || i.path != c.path):
			t.Errorf("%s: %q by %q, want %q by %q", name, i.argv, i.path, c.argv, c.path)
		}
	}
}
