package main

import (
	"os"
	"path/filepath"
	"testing"
)

// files writes a tree of small files.
func files(t *testing.T, texts map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range texts {
		name = filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestMemoryIsReadFromBothVersionsOfCgroups(t *testing.T) {
	for name, c := range map[string]struct {
		self        string
		files       map[string]string
		used, limit int64
	}{
		"v2 in a namespace": {"0::/\n", map[string]string{
			"memory.current": "5000\n", "memory.max": "100000\n", "memory.stat": "anon 4000\ninactive_file 1000\n"}, 4000, 100000},
		"v2 without a limit": {"0::/a/b\n", map[string]string{
			"a/b/memory.current": "5000\n", "a/b/memory.max": "max\n", "a/b/memory.stat": "inactive_file 0\n"}, 5000, 0},
		"v2, the path is another mount's": {"0::/../../elsewhere\n", map[string]string{
			"memory.current": "5000\n", "memory.max": "6000\n"}, 5000, 6000},
		"v1 beside an empty v2": {"9:cpu:/x\n4:memory:/k/c\n0::/\n", map[string]string{
			"memory/k/c/memory.usage_in_bytes": "9000\n", "memory/k/c/memory.limit_in_bytes": "10000\n",
			"memory/k/c/memory.stat": "inactive_file 1\ntotal_inactive_file 500\n"}, 8500, 10000},
		"v1 in a namespace": {"4:memory:/k/c\n", map[string]string{
			"memory/memory.usage_in_bytes": "9000\n", "memory/memory.limit_in_bytes": "10000\n"}, 9000, 10000},
		"v1 without a limit": {"4:memory:/\n", map[string]string{
			"memory/memory.usage_in_bytes": "9000\n", "memory/memory.limit_in_bytes": "9223372036854771712\n"}, 9000, 0},
		"none":     {"", nil, 0, 0},
		"nonsense": {"0::\nx\n", map[string]string{"memory.current": "?", "memory.max": ""}, 0, 0},
	} {
		root := files(t, c.files)
		self := filepath.Join(root, "self")
		if err := os.WriteFile(self, []byte(c.self), 0o644); err != nil {
			t.Fatal(err)
		}
		group := ownCgroup(self, root)
		if used, limit := group.used(), group.limit(); used != c.used || limit != c.limit {
			t.Errorf("%s: %d of %d, want %d of %d", name, used, limit, c.used, c.limit)
		}
	}
}

func TestKillsOfTheKernelAreCountedInBothVersions(t *testing.T) {
	for name, c := range map[string]struct {
		self, file, text string
		also             string // what tells the version
	}{
		"v2": {"0::/\n", "memory.events", "max 7\noom 2\noom_kill 3\noom_group_kill 0\n", "memory.current"},
		"v1": {"4:memory:/c\n", "memory/c/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "memory/c/memory.usage_in_bytes"},
	} {
		root := files(t, map[string]string{"self": c.self, c.file: c.text, c.also: "1\n"})
		if got := ownCgroup(filepath.Join(root, "self"), root).oomKills(); got != 3 {
			t.Errorf("%s: %d", name, got)
		}
	}
	if got := (cgroup{}).oomKills(); got != 0 {
		t.Errorf("none: %d", got)
	}
}

func TestOneProcessGoesBeforeTheContainerIsFull(t *testing.T) {
	for _, c := range []struct {
		used, limit int64
		want        bool
	}{{94, 100, false}, {95, 100, true}, {200, 100, true}, {1 << 50, 0, false}, {0, 100, false}} {
		if got := tooFull(c.used, c.limit); got != c.want {
			t.Errorf("%d of %d: %v", c.used, c.limit, got)
		}
	}
}
