package main

import "testing"

func TestProbeURLNamesAnAddressOfThisHost(t *testing.T) {
	for text, want := range map[string][3]string{
		"http://127.0.0.1:8080/health?x=1": {"127.0.0.1:8080", "127.0.0.1:8080", "/health?x=1"},
		"http://127.0.0.1":                 {"127.0.0.1:80", "127.0.0.1", "/"},
		"http://[::1]:81/a/b":              {"[::1]:81", "[::1]:81", "/a/b"},
		"http://[::1]/":                    {"[::1]:80", "[::1]", "/"},
		"http://localhost:8080/":           {"127.0.0.1:8080", "localhost:8080", "/"},
		"http://localhost":                 {"127.0.0.1:80", "localhost", "/"},
	} {
		u, err := parseProbe(text)
		if got := [3]string{u.to.String(), u.host, u.path}; err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", "http://", "https://127.0.0.1/", "127.0.0.1:80", "http://example.com/", "http://127.0.0.1:0/",
		"http://127.0.0.1:99999/", "http://127.0.0.1/ HTTP/1.1\r\nX: y", "http://localhostess:80/"} {
		if u, err := parseProbe(text); err == nil {
			t.Errorf("%q is taken for %v", text, u)
		}
	}
}

func TestProbeFindsTheSocketThatItsAddressReaches(t *testing.T) {
	sockets := []SocketStatus{{Address: "0.0.0.0:80", Slot: 1}, {Address: "[::]:80", Slot: 2}, {Address: "127.0.0.1:81", Slot: 3}, {Address: "127.0.0.1:80", Slot: 4}}
	s := &LauncherStatus{Upgrade: &UpgradeStatus{Generation: 2}, Generations: []ProcessGeneration{
		{Number: 1, Sockets: []SocketStatus{{Address: "127.0.0.1:82"}}}, {Number: 2, Sockets: sockets}}}
	for text, want := range map[string]int{"http://127.0.0.1/": 4, "http://10.0.0.1/": 1, "http://[::1]/": 2, "http://127.0.0.1:81/": 3} {
		u, err := parseProbe(text)
		if err != nil {
			t.Fatal(err)
		}
		if socket, err := u.socketOf(s); err != nil || socket.Slot != want {
			t.Errorf("%s: slot %d, %v; want %d", text, socket.Slot, err, want)
		}
	}
	u, _ := parseProbe("http://127.0.0.1:82/")
	if _, err := u.socketOf(s); err == nil {
		t.Error("the old process' socket is taken for the new one's")
	}
}
