package expression

import (
	"regexp"
	"slices"
)

var name = regexp.MustCompile(`^[_a-zA-Z][_a-zA-Z0-9]*$`)

// reserved words of CEL cannot be names.
var reserved = []string{
	"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let", "loop",
	"package", "namespace", "return", "var", "void", "while",
}

// IsName says whether a variable may be called so.
func IsName(s string) bool { return name.MatchString(s) && !slices.Contains(reserved, s) }
