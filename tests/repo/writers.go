package repo

import (
	"fmt"
	"strings"

	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
)

// clashes names the fields that two of the services declare to write. One path clashes with another that it is or
// contains ("status" and "status.conditions[Ready]"); two elements of a list do not ("[Ready]", "[PodScheduled]"), and
// several may create and delete whole objects ("*").
func clashes(specs []process.Spec) []string {
	var out []string
	for i, a := range specs {
		for _, b := range specs[i+1:] {
			for _, f := range a.Writes {
				for _, g := range b.Writes {
					if sameResource(f.Resource, g.Resource) && (contains(f.Path, g.Path) || contains(g.Path, f.Path)) {
						out = append(out, fmt.Sprintf("%s writes %s %s, %s writes %s %s", a.Name, f.Resource, f.Path, b.Name, g.Resource, g.Path))
					}
				}
			}
		}
	}
	return out
}

// sameResource says whether two resources, of which "*" is any, can be the same.
func sameResource(a, b subject.Resource) bool {
	return a == b || a.Name == "*" || b.Name == "*"
}

func contains(whole, part string) bool {
	if whole == "*" || part == "*" {
		return false
	}
	rest, ok := strings.CutPrefix(part, whole)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}
