package repo

import (
	"fmt"
	"go/ast"
	"strings"
)

const (
	longestFile     = 400
	longestFunction = 70
)

var small = Rule{
	Name: "small",
	Why:  fmt.Sprintf("a file has %d lines at most, a function %d: what is longer is two things", longestFile, longestFunction),
	Check: eachGo(func(g *GoFile) []string {
		if g.Test() || strings.HasPrefix(g.Path, "tests/") {
			return nil
		}
		var out []string
		if lines := g.Set.Position(g.AST.FileEnd).Line; lines > longestFile {
			out = append(out, g.At(g.AST.Package, "%d lines", lines))
		}
		for _, d := range g.AST.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			if lines := g.Set.Position(f.End()).Line - g.Set.Position(f.Pos()).Line + 1; lines > longestFunction {
				out = append(out, g.At(f.Pos(), "%s has %d lines", f.Name.Name, lines))
			}
		}
		return out
	}),
}
