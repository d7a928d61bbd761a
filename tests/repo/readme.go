package repo

import (
	"fmt"
	"io/fs"
	"regexp"
	"strings"

	"taffrail.dev/services/registry"
)

var (
	makeCommand   = regexp.MustCompile("(?m)(?:^|`|\\$ )make ([a-z][a-z0-9-]*)")
	makeTarget    = regexp.MustCompile(`(?m)^([a-z][a-z0-9-]*):`)
	binaryCommand = regexp.MustCompile("(?m)(?:^|`|\\$ )(?:bin/)?taffrail ([a-z][a-z-]*)")
	cobraUse      = regexp.MustCompile(`(?:Use:\s+|joiningCommand\()"([a-z][a-z-]*)`)
)

var readmeCommands = Rule{
	Name: "readme-commands",
	Why:  "a command that a page names exists",
	Check: func(t *Tree) []string {
		targets := names(t, makeTarget, func(f string) bool { return f == "Makefile" })
		verbs := names(t, cobraUse, func(f string) bool { return strings.HasPrefix(f, "ops/taffrail/") && strings.HasSuffix(f, ".go") })
		for _, s := range registry.All(registry.Config{}) {
			verbs[s.Spec.Name] = verbs[s.Spec.Name] || !s.Controller // the others are below `taffrail controller`
		}
		var out []string
		for _, f := range t.Files {
			if !strings.HasSuffix(f, ".md") {
				continue
			}
			text, err := fs.ReadFile(t, f)
			if err != nil {
				out = append(out, err.Error())
				continue
			}
			out = append(out, unknown(f, "make", makeCommand, string(text), targets)...)
			out = append(out, unknown(f, "taffrail", binaryCommand, string(text), verbs)...)
		}
		return out
	},
}

func unknown(file, program string, command *regexp.Regexp, text string, known map[string]bool) []string {
	var out []string
	for _, m := range command.FindAllStringSubmatch(text, -1) {
		if !known[m[1]] {
			out = append(out, fmt.Sprintf("%s names `%s %s`, which does not exist", file, program, m[1]))
		}
	}
	return out
}

// names are the first submatches of a pattern over the files chosen.
func names(t *Tree, pattern *regexp.Regexp, choose func(string) bool) map[string]bool {
	out := map[string]bool{}
	for _, f := range t.Files {
		if !choose(f) {
			continue
		}
		text, err := fs.ReadFile(t, f)
		if err != nil {
			continue
		}
		for _, m := range pattern.FindAllStringSubmatch(string(text), -1) {
			out[m[1]] = true
		}
	}
	return out
}
