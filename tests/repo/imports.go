package repo

import (
	"fmt"
	"slices"
	"strings"
)

const module = "taffrail.dev/"

// may says which folders a folder may import beside itself: proto ← events ← {gateway,
// services, nodeagent} ← {ops, tests}.
var may = map[string][]string{
	"proto":     {},
	"events":    {"proto"},
	"gateway":   {"proto", "events"},
	"services":  {"proto", "events"},
	"nodeagent": {"proto", "events"},
	"ops":       {"proto", "events", "gateway", "services", "nodeagent"},
	"tests":     {"proto", "events", "gateway", "services", "nodeagent", "ops"},
}

func folder(p string) string {
	top, _, _ := strings.Cut(p, "/")
	return top
}

var importsOneWay = Rule{
	Name: "imports",
	Why:  "imports run proto ← events ← {gateway, services, nodeagent} ← {ops, tests}, never back",
	Check: eachGo(func(g *GoFile) []string {
		from, allowed := folder(g.Path), may[folder(g.Path)]
		var out []string
		for _, i := range g.Imports() {
			rest, ours := strings.CutPrefix(i, module)
			if to := folder(rest); ours && to != from && !slices.Contains(allowed, to) {
				out = append(out, fmt.Sprintf("%s imports %s", g.Path, i))
			}
		}
		return out
	}),
}

var servicesApart = Rule{
	Name: "services-apart",
	Why:  "no service imports another: each can be its own process",
	Check: func(t *Tree) []string {
		names := services(t)
		var out []string
		for _, g := range t.Go {
			own, inService := serviceOf(g.Path, names)
			for _, i := range g.Imports() {
				other, isService := serviceOf(strings.TrimPrefix(i, module)+"/", names)
				if inService && isService && own != other {
					out = append(out, fmt.Sprintf("%s imports service %s", g.Path, other))
				}
			}
		}
		return out
	},
}

// forbidden are imports that the design rules out, each with its reason.
var forbidden = map[string]string{
	"k8s.io/kubernetes":          "it is what Taffrail replaces",
	"k8s.io/apiserver":           "the generic server is what the gateway replaces",
	"k8s.io/client-go/informers": "a fold is the only cache",
}

// allowed are parts of what is forbidden that are libraries, each with its reason.
var allowed = map[string]string{
	"k8s.io/apiserver/pkg/cel":                      "the CEL library that rules are written for",
	"k8s.io/apiserver/pkg/authentication/user":      "an interface by which CEL asks an authorizer",
	"k8s.io/apiserver/pkg/authorization/authorizer": "likewise",
}

func under(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

func isAllowed(path string) bool {
	for root := range allowed {
		if under(path, root) {
			return true
		}
	}
	return false
}

var forbiddenImports = Rule{
	Name: "forbidden-imports",
	Why:  "what the project exists for is its own",
	Check: eachGo(func(g *GoFile) []string {
		var out []string
		for _, i := range g.Imports() {
			for bad, why := range forbidden {
				if under(i, bad) && !isAllowed(i) && folder(g.Path) != "tests" {
					out = append(out, fmt.Sprintf("%s imports %s: %s", g.Path, i, why))
				}
			}
		}
		return out
	}),
}
