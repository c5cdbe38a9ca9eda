package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

var errVerification = errors.New("verification failed")

// openVerified opens a regular file and hashes that very descriptor, so that what is exec'd later is
// what was hashed even if the name is given to another file meanwhile. A wrong digest is an
// errVerification.
func openVerified(name, want string) (*os.File, error) {
	file, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open the artifact: %w", err)
	}
	got, err := digest(file)
	if err == nil && got != strings.ToLower(want) {
		err = fmt.Errorf("cannot run %s: %w: its sha256 is %s, not %s", name, errVerification, got, want)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func digest(file *os.File) (string, error) {
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("cannot run %s: not a regular file", file.Name())
	}
	hash := sha256.New()
	if _, err := io.CopyBuffer(struct{ io.Writer }{hash}, struct{ io.Reader }{file}, make([]byte, 64<<10)); err != nil {
		return "", fmt.Errorf("cannot read %s: %w", file.Name(), err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}

const artifactVariable = "HOTUPGRADE_ARTIFACT"

// replaceWord lays the verified file over the word of the command that it stands for. The program
// itself is exec'd by its descriptor, argv[0] unchanged. Another word (a jar, a script) becomes the
// file's path: interpreters look at its name and neighbours; in a pod the store that it lies on is
// read-only here.
func replaceWord(command []string, program Program, file *os.File) (image, error) {
	i := image{argv: slices.Clone(command), file: file, sha256: strings.ToLower(program.SHA256)}
	i.env = []string{artifactVariable + "=" + program.File}
	switch at := slices.Index(command, program.Replaces); {
	case program.Replaces == "" || at == 0:
		i.path = verifiedPath
		return i, nil
	case at > 0:
		i.argv[at] = program.File
		return i, nil
	case slices.ContainsFunc(command, usesArtifact):
		return i, nil
	}
	return i, fmt.Errorf("cannot replace %q: the command's words are %q; replaces must be one of them, or a shell's text must use $%s",
		program.Replaces, command, artifactVariable)
}

// usesArtifact finds the variable in a shell's text, with braces and a default or without.
func usesArtifact(word string) bool {
	return strings.Contains(word, "$"+artifactVariable) || strings.Contains(word, "${"+artifactVariable)
}
