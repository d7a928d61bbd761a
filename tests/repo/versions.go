package repo

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

// requirement is a line of a go.mod: a path, its version, and whether it is there only for another's sake.
var requirement = regexp.MustCompile(`(?m)^(?:require )?\s*([a-zA-Z0-9._~/-]+) (v[0-9][^\s]*)( // indirect)?$`)

var oneVersion = Rule{
	Name: "one-version",
	Why:  "what one module imports has the same version in all: each is built alone as it is built together",
	Check: func(t *Tree) []string {
		direct, versions := map[string]bool{}, map[string]map[string][]string{}
		for _, f := range t.Files {
			if path.Base(f) != "go.mod" || strings.HasPrefix(f, "ops/thirdparty/") {
				continue
			}
			text, err := fs.ReadFile(t, f)
			if err != nil {
				return []string{err.Error()}
			}
			for _, m := range requirement.FindAllStringSubmatch(string(text), -1) {
				if versions[m[1]] == nil {
					versions[m[1]] = map[string][]string{}
				}
				versions[m[1]][m[2]] = append(versions[m[1]][m[2]], folder(f))
				direct[m[1]] = direct[m[1]] || m[3] == ""
			}
		}
		var out []string
		for _, p := range slices.Sorted(maps.Keys(versions)) {
			if direct[p] && len(versions[p]) > 1 {
				out = append(out, fmt.Sprintf("%s: %v", p, versions[p]))
			}
		}
		return out
	},
}
