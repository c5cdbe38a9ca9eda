package main

import (
	"strings"
	"testing"
)

func TestCommittedRevisionIsReadOrSaysWhyNot(t *testing.T) {
	for text, want := range map[string]string{
		`{"revision":"r1","program":{"file":"sha256/x","sha256":"00"}}`:    "",
		`{"revision":"r1","program":{"file":"../x","sha256":"00"}}`:        "outside the store",
		`{"revision":"r1","program":{"file":"/etc/passwd","sha256":"00"}}`: "outside the store",
		`{"program":{"file":"x"}}`:                                         "names no revision",
		`{`:                                                                "cannot read the committed revision",
		strings.Repeat(" ", maxRecord+1):                                   "bytes",
	} {
		record, err := readCurrent(files(t, map[string]string{"current": text}))
		switch {
		case want == "" && (err != nil || record.Revision != "r1"):
			t.Errorf("%.60s: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%.60s: %v, want %q in it", text, err, want)
		}
	}
	if record, err := readCurrent(t.TempDir()); record != nil || err != nil {
		t.Errorf("an empty store: %v, %v", record, err)
	}
}

func TestRevisionHoldsForItsBaseOnly(t *testing.T) {
	here := Base{Image: "app:1", SHA256: "aa"}
	for want, base := range map[string]Base{
		"":               {},
		"app:0":          {Image: "app:0", SHA256: "aa"},
		"has aa":         {Image: "app:1", SHA256: "bb"},
		"sha256 bb":      {SHA256: "bb"},
		"holds for the ": {Image: "app:2"},
	} {
		got := supersedes(here, RevisionRecord{Revision: "r", Base: base})
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q in it", base, got, want)
		}
	}
}
