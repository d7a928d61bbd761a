package expression

import (
	"fmt"
	"slices"

	"github.com/google/cel-go/cel"
)

// The types that expressions may have to have.
var (
	Bool   = cel.BoolType
	String = cel.StringType
	Null   = cel.NullType
	// Any is every type.
	Any = cel.AnyType
	// Configuration is what an apply configuration evaluates to, Patch what a JSON patch does.
	Configuration = cel.ObjectType("Object")
	Patch         = cel.ListType(cel.ObjectType("JSONPatch"))
)

// checkEvery is after how many rounds of a loop an evaluation looks whether its context has ended.
const checkEvery = 100

// Program is a compiled expression. It is safe for concurrent use.
type Program struct {
	Text    string
	program cel.Program
	output  *cel.Type
}

// Error is why an expression does not compile; Internal says that it is no fault of its author's.
type Error struct {
	Detail   string
	Internal bool
}

func (e *Error) Error() string { return e.Detail }

// Compile compiles an expression that must have one of the types.
func Compile(text string, s Scope, m Mode, types ...*cel.Type) (*Program, *Error) {
	return compile(m.of(environments[s]()), text, types)
}

func compile(env *cel.Env, text string, types []*cel.Type) (*Program, *Error) {
	ast, issues := env.Compile(text)
	if issues != nil {
		return nil, &Error{Detail: "compilation failed: " + issues.String()}
	}
	fits := func(t *cel.Type) bool { return ast.OutputType().IsExactType(t) || Any.IsExactType(t) }
	if !slices.ContainsFunc(types, fits) {
		if len(types) == 1 {
			return nil, &Error{Detail: fmt.Sprintf("must evaluate to %v but got %v", types[0], ast.OutputType())}
		}
		return nil, &Error{Detail: fmt.Sprintf("must evaluate to one of %v but got %v", types, ast.OutputType())}
	}
	program, err := env.Program(ast, cel.InterruptCheckFrequency(checkEvery))
	if err != nil {
		return nil, &Error{Detail: "program instantiation failed: " + err.Error(), Internal: true}
	}
	return &Program{Text: text, program: program, output: ast.OutputType()}, nil
}
