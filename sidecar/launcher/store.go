package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

const maxRecord = 1 << 20

// committed is what the store's `current` names, where it holds for this container; else the
// command itself, and why.
func (l *Launcher) committed() (spec runSpec, superseded string) {
	own := l.ownSpec()
	if l.config.store == "" {
		return own, ""
	}
	record, err := readCurrent(l.config.store)
	if err != nil || record == nil {
		go l.learnBase("")
	}
	switch {
	case err != nil:
		return own, err.Error()
	case record == nil:
		return own, ""
	}
	l.learnBase(record.Program.Replaces)
	if why := supersedes(l.baseNow(), *record); why != "" {
		return own, why
	}
	program := record.Program
	program.File = filepath.Join(l.config.store, program.File)
	own.program, own.revision, own.version = &program, record.Revision, record.Version
	return own, ""
}

// readCurrent reads the committed revision; nil where none is.
func readCurrent(store string) (*RevisionRecord, error) {
	name := filepath.Join(store, "current")
	info, err := os.Stat(name)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err == nil && info.Size() > maxRecord {
		err = fmt.Errorf("it has %d bytes", info.Size())
	}
	var raw []byte
	if err == nil {
		raw, err = os.ReadFile(name)
	}
	var record RevisionRecord
	if err == nil {
		err = json.Unmarshal(raw, &record)
	}
	if err == nil && (record.Revision == "" || !filepath.IsLocal(record.Program.File)) {
		err = fmt.Errorf("it names no revision, or a file outside the store: %q", record.Program.File)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read the committed revision: %w", err)
	}
	return &record, nil
}

// supersedes compares what runs here with what the revision holds for; an empty half matches all.
func supersedes(here Base, r RevisionRecord) string {
	switch {
	case r.Base.Image != "" && r.Base.Image != here.Image:
		return fmt.Sprintf("revision %s holds for the image %s; this container runs %s", r.Revision, r.Base.Image, here.Image)
	case r.Base.SHA256 != "" && r.Base.SHA256 != here.SHA256:
		return fmt.Sprintf("revision %s holds for a file of sha256 %s; this image's has %s", r.Revision, r.Base.SHA256, here.SHA256)
	}
	return ""
}

// learnBase hashes the image's own file that a revision stands for: a word of the command, or the
// program itself. An unreadable one leaves the digest empty.
func (l *Launcher) learnBase(replaces string) {
	l.mu.Lock()
	known := l.base.SHA256 != "" && l.baseWord == replaces
	l.mu.Unlock()
	if known {
		return
	}
	b := Base{Image: l.config.image, SHA256: ownDigest(l.config.argv, replaces)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.base, l.baseWord = b, replaces
	l.touch()
}

func (l *Launcher) baseNow() Base {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.base
}

func ownDigest(argv []string, replaces string) string {
	word := argv[0]
	if slices.Contains(argv, replaces) {
		word = replaces
	}
	if found, err := exec.LookPath(word); err == nil {
		word = found
	}
	file, err := os.Open(word)
	if err != nil {
		return ""
	}
	defer file.Close()
	sum, err := digest(file)
	if err != nil {
		return ""
	}
	return sum
}
