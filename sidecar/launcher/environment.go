package main

import (
	"maps"
	"slices"
	"strings"
)

// The environment of what the launcher starts; environ(7). Pure.

// environment turns a command's variables into the form of execve(2).
func environment(variables map[string]string) []string {
	var env []string
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		env = append(env, name+"="+variables[name])
	}
	return env
}

// override lays entries over others of the same name: getenv(3) would find the first of two.
func override(env, over []string) []string {
	name := func(entry string) string { before, _, _ := strings.Cut(entry, "="); return before }
	merged := slices.DeleteFunc(slices.Clone(env), func(entry string) bool {
		return slices.ContainsFunc(over, func(other string) bool { return name(other) == name(entry) })
	})
	return append(merged, over...)
}

// originalEnvironment is what the launcher itself was given: GOMAXPROCS is again what it was before
// the launcher started itself anew.
func originalEnvironment(own []string) []string {
	marked := slices.IndexFunc(own, func(entry string) bool { return strings.HasPrefix(entry, appProcsVariable+"=") })
	if marked < 0 {
		return own
	}
	env := slices.DeleteFunc(slices.Clone(own), func(entry string) bool {
		return strings.HasPrefix(entry, appProcsVariable+"=") || strings.HasPrefix(entry, procsVariable+"=")
	})
	if value := strings.TrimPrefix(own[marked], appProcsVariable+"="); value != "" {
		env = append(env, procsVariable+value)
	}
	return env
}

// appEnvironment is the launcher's own without its settings: an app that runs a launcher itself must
// not find this one's socket. What the pod says of the artifact is the app's to read.
func appEnvironment(own, over []string) []string {
	env := slices.DeleteFunc(slices.Clone(originalEnvironment(own)), func(entry string) bool {
		return strings.HasPrefix(entry, "HOTUPGRADE_") && !strings.HasPrefix(entry, artifactVariable+"=")
	})
	return override(env, over)
}
