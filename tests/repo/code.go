package repo

import (
	"go/ast"
	"go/token"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// subjectLiteral is what a NATS subject of ours begins with.
var subjectLiteral = regexp.MustCompile(`^(state|leases|events|assign|audit|command)\.([%a-z*]+\.|>)`)

var subjectsInOnePlace = Rule{
	Name: "subjects",
	Why:  "subjects are built and parsed in events/subject alone",
	Check: eachGo(func(g *GoFile) []string {
		if g.Dir() == "events/subject" || g.Test() {
			return nil
		}
		var out []string
		ast.Inspect(g.AST, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			if s, err := strconv.Unquote(lit.Value); err == nil && subjectLiteral.MatchString(s) && !strings.HasSuffix(s, ".k8s.io") {
				out = append(out, g.At(lit.Pos(), "literal subject %q", s))
			}
			return true
		})
		return out
	}),
}

// calls lists a file's calls of package-qualified functions that are in the list.
func calls(g *GoFile, list ...string) []string {
	var out []string
	ast.Inspect(g.AST, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := sel.X.(*ast.Ident); ok && slices.Contains(list, x.Name+"."+sel.Sel.Name) {
			out = append(out, g.At(call.Pos(), "calls %s.%s", x.Name, sel.Sel.Name))
		}
		return true
	})
	return out
}

var exitsInMain = Rule{
	Name: "exits",
	Why:  "a process ends in main alone, so that everything is closed on the way",
	Check: eachGo(func(g *GoFile) []string {
		if path.Base(g.Path) == "main.go" || g.Test() {
			return nil
		}
		return calls(g, "os.Exit", "log.Fatal", "log.Fatalf", "log.Fatalln")
	}),
}

var nothingSleeps = Rule{
	Name: "sleeps",
	Why:  "nothing sleeps to wait and no test is skipped: wait for a sequence or a condition",
	Check: eachGo(func(g *GoFile) []string {
		return calls(g, "time.Sleep", "t.Skip", "t.Skipf", "t.SkipNow", "b.Skip", "b.Skipf")
	}),
}

// pure are the files that decide and fold, and what they may not import.
var pure = regexp.MustCompile(`^services/[a-z]+/(state|decide)\.go$`)

var impure = []string{"net", "net/http", "os", "os/exec", "math/rand", "math/rand/v2", "crypto/rand", "io/fs", "github.com/nats-io/nats.go"}

var pureCores = Rule{
	Name: "pure-cores",
	Why:  "folds and decisions have no clock, randomness, network, files or goroutines: time and ids come in as arguments",
	Check: eachGo(func(g *GoFile) []string {
		if !pure.MatchString(g.Path) {
			return nil
		}
		out := calls(g, "time.Now", "time.Since", "time.Until", "time.After", "time.NewTimer")
		for _, i := range g.Imports() {
			if slices.Contains(impure, i) {
				out = append(out, g.Path+" imports "+i)
			}
		}
		ast.Inspect(g.AST, func(n ast.Node) bool {
			if s, ok := n.(*ast.GoStmt); ok {
				out = append(out, g.At(s.Pos(), "starts a goroutine"))
			}
			return true
		})
		return out
	}),
}

var unfinished = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b`)

var nothingUnfinished = Rule{
	Name: "unfinished",
	Why:  "what is not done is an issue, not a comment",
	Check: eachGo(func(g *GoFile) []string {
		var out []string
		for _, group := range g.AST.Comments {
			for _, c := range group.List {
				if m := unfinished.FindString(c.Text); m != "" {
					out = append(out, g.At(c.Pos(), "says %s", m))
				}
			}
		}
		return out
	}),
}
