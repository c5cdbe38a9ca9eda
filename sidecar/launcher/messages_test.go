package main

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"encoding/json"
)

const golden = "../../tests/contract/golden/launcher"

// Python writes the golden files from its types; tests/contract reads them, too.
func TestGoldenMessagesOfPythonAreOurs(t *testing.T) {
	commands, err := filepath.Glob(golden + "/command-*.json")
	if err != nil || len(commands) == 0 {
		t.Fatalf("no golden commands: %v", err)
	}
	for _, name := range commands {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		command, refused := decodeCommand(raw)
		if refused != nil {
			t.Errorf("%s: %v", name, refused)
		}
		same(t, name, raw, command)
	}
	for name, value := range map[string]any{"answer.json": &LauncherAnswer{}, "revision.json": &RevisionRecord{}} {
		raw, err := os.ReadFile(filepath.Join(golden, name))
		if err != nil {
			t.Fatal(err)
		}
		decoder := json.NewDecoder(strings.NewReader(string(raw)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		same(t, name, raw, value)
	}
}

// same encodes the value again: no field may be lost, none be named otherwise.
func same(t *testing.T, name string, raw []byte, value any) {
	t.Helper()
	again, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var one, two any
	if json.Unmarshal(raw, &one) != nil || json.Unmarshal(again, &two) != nil {
		t.Fatalf("%s: not JSON", name)
	}
	if !reflect.DeepEqual(one, two) {
		t.Errorf("%s: Python writes\n%s\nGo writes\n%s", name, raw, again)
	}
}

func TestWrongCommandsAreRefusedWithWhatWouldBeRight(t *testing.T) {
	for line, want := range map[string]string{
		``:                  "one JSON object a line",
		`[]`:                "one JSON object a line",
		`{"command":"fly"}`: "are the commands",
		`{"command":"start","v":9,"upgrade":"a"}`:         "speaks 1",
		`{"command":"start"}`:                             "1 to 128 characters",
		`{"command":"weight","upgrade":"a"}`:              "0 to 100",
		`{"command":"weight","upgrade":"a","weight":101}`: "0 to 100",
	} {
		if _, err := decodeCommand([]byte(line)); err == nil || !strings.Contains(err.Message, want) {
			t.Errorf("%s: %v, want %q in it", line, err, want)
		}
	}
}

func FuzzDecodeCommand(f *testing.F) {
	f.Add([]byte(`{"command":"start","upgrade":"a","handoff":{"drainSeconds":-1}}`))
	f.Add([]byte(`{"command":"wait","timeoutSeconds":1e308}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		command, err := decodeCommand(line)
		if err == nil {
			defaultHandoff.over(command.Handoff)
		}
	})
}
