package repo

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Rule is one house rule.
type Rule struct {
	// Name is also its fixture's: testdata/<Name>.txtar.
	Name string
	// Why is printed with a finding.
	Why string
	// Check returns what breaks the rule in the tree, one line each.
	Check func(t *Tree) []string
}

// Tree is the repository, or a fixture of one.
type Tree struct {
	fs.FS
	// Files are the paths of all regular files, sorted.
	Files []string
	// Go are the parsed Go files, generated ones left out.
	Go []*GoFile
}

// GoFile is one parsed file.
type GoFile struct {
	Path string
	Set  *token.FileSet
	AST  *ast.File
}

// Dir is the folder of the file.
func (g *GoFile) Dir() string { return path.Dir(g.Path) }

// Test says whether it is a test file.
func (g *GoFile) Test() bool { return strings.HasSuffix(g.Path, "_test.go") }

// At is a finding's place: "path:line: text".
func (g *GoFile) At(pos token.Pos, format string, args ...any) string {
	return fmt.Sprintf("%s:%d: %s", g.Path, g.Set.Position(pos).Line, fmt.Sprintf(format, args...))
}

// Imports are the import paths.
func (g *GoFile) Imports() []string {
	var out []string
	for _, i := range g.AST.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err == nil {
			out = append(out, p)
		}
	}
	return out
}

// Load reads a tree, leaving out what git ignores at the top (bin, data) and .git.
func Load(fsys fs.FS) (*Tree, error) {
	t := &Tree{FS: fsys}
	err := fs.WalkDir(fsys, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", "bin", "data", "node_modules"}, p) {
				return fs.SkipDir
			}
			return nil
		}
		t.Files = append(t.Files, p)
		return t.parse(p)
	})
	return t, err
}

func (t *Tree) parse(p string) error {
	base := path.Base(p)
	if !strings.HasSuffix(p, ".go") || strings.HasPrefix(p, "proto/gen/") || strings.HasPrefix(base, "zz_") || strings.Contains(p, "/testdata/") {
		return nil
	}
	text, err := fs.ReadFile(t, p)
	if err != nil {
		return err
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, p, text, parser.ParseComments)
	if err != nil {
		return err
	}
	t.Go = append(t.Go, &GoFile{Path: p, Set: set, AST: parsed})
	return nil
}

// eachGo collects a check's findings over all Go files.
func eachGo(check func(g *GoFile) []string) func(t *Tree) []string {
	return func(t *Tree) []string {
		var out []string
		for _, g := range t.Go {
			out = append(out, check(g)...)
		}
		return out
	}
}
