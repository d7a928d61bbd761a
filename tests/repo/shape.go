package repo

import (
	"fmt"
	"go/ast"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// services are the folders of services/ that declare a process.Spec.
func services(t *Tree) []string {
	found := map[string]bool{}
	for _, g := range t.Go {
		if dir := g.Dir(); path.Dir(dir) == "services" && !g.Test() && declaresSpec(g) {
			found[path.Base(dir)] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

func declaresSpec(g *GoFile) bool {
	found := false
	ast.Inspect(g.AST, func(n ast.Node) bool {
		if lit, ok := n.(*ast.CompositeLit); ok {
			sel, ok := lit.Type.(*ast.SelectorExpr)
			found = found || ok && sel.Sel.Name == "Spec"
		}
		return !found
	})
	return found && slices.Contains(g.Imports(), module+"events/process")
}

func serviceOf(p string, names []string) (string, bool) {
	parts := strings.Split(p, "/")
	if len(parts) < 3 || parts[0] != "services" || !slices.Contains(names, parts[1]) {
		return "", false
	}
	return parts[1], true
}

var sections = []string{"Consumes", "Emits", "State", "Failure", "Metrics", "Example"}

var serviceShape = Rule{
	Name: "service-shape",
	Why:  "a service is README.md, doc.go, state.go, decide.go, <name>.go and testdata; its README says " + strings.Join(sections, ", "),
	Check: func(t *Tree) []string {
		var out []string
		for _, s := range services(t) {
			dir := "services/" + s
			for _, f := range []string{"README.md", "doc.go", "state.go", "decide.go", s + ".go"} {
				if !slices.Contains(t.Files, dir+"/"+f) {
					out = append(out, fmt.Sprintf("%s lacks %s", dir, f))
				}
			}
			if !slices.ContainsFunc(t.Files, func(f string) bool { return strings.HasPrefix(f, dir+"/testdata/") }) {
				out = append(out, dir+" lacks scenarios in testdata")
			}
			out = append(out, missingSections(t, dir+"/README.md")...)
		}
		return out
	},
}

func missingSections(t *Tree, readme string) []string {
	text, err := fs.ReadFile(t, readme)
	if err != nil {
		return nil // its absence is a finding already
	}
	var out []string
	for _, s := range sections {
		if !strings.Contains(string(text), "\n## "+s) {
			out = append(out, fmt.Sprintf("%s lacks the section %s", readme, s))
		}
	}
	return out
}

// topLevel is all that may lie in the root.
var topLevel = []string{
	"proto", "events", "gateway", "services", "nodeagent", "ops", "tests",
	"go.work", "go.work.sum", "Makefile", "README.md", "ARCHITECTURE.md", "NOMENCLATURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE",
	".ci", ".gitignore",
}

var topLevelOnly = Rule{
	Name: "top-level",
	Why:  "the top level holds the house and nothing else",
	Check: func(t *Tree) []string {
		found := map[string]bool{}
		for _, f := range t.Files {
			if top := folder(f); !slices.Contains(topLevel, top) {
				found[top] = true
			}
		}
		return slices.Sorted(maps.Keys(found))
	},
}

var badNames = []string{"util", "utils", "common", "helper", "helpers", "model", "models", "types", "manager", "misc"}

var packagesDocumented = Rule{
	Name: "package-doc",
	Why:  "every package says what it is, and is a noun with a meaning",
	Check: func(t *Tree) []string {
		documented, seen := map[string]bool{}, map[string]bool{}
		for _, g := range t.Go {
			if g.Test() {
				continue
			}
			seen[g.Dir()] = true
			if g.AST.Doc != nil {
				documented[g.Dir()] = true
			}
		}
		var out []string
		for _, dir := range slices.Sorted(maps.Keys(seen)) {
			if !documented[dir] {
				out = append(out, dir+" has no package comment")
			}
			if slices.Contains(badNames, path.Base(dir)) {
				out = append(out, dir+" has a name that says nothing")
			}
		}
		return out
	},
}
