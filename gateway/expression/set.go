package expression

import (
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	apicel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/apiserver/pkg/cel/lazy"
)

// Set compiles the expressions of one policy: each may use the variables that were added before it.
// It is not safe for concurrent use; what it compiled is.
type Set struct {
	mode      Mode
	patch     bool
	fields    *apicel.DeclType
	sets      map[Scope]*environment.EnvSet
	variables []variable
}

type variable struct {
	name    string
	program *Program
}

// NewSet is a set without variables; patch declares the types of mutations.
func NewSet(m Mode, patch bool) *Set {
	return &Set{
		mode: m, patch: patch, sets: map[Scope]*environment.EnvSet{},
		fields: apicel.NewObjectType("kubernetes.variables", map[string]*apicel.DeclField{}),
	}
}

// Compile compiles an expression that may use the variables so far.
func (s *Set) Compile(text string, scope Scope, types ...*cel.Type) (*Program, *Error) {
	scope.Patch = s.patch
	set := s.sets[scope]
	if set == nil {
		var err error
		set, err = environments[scope]().Extend(environment.VersionedOptions{
			IntroducedVersion: always, EnvOptions: []cel.EnvOption{cel.Variable(variablesName, s.fields.CelType())}, DeclTypes: []*apicel.DeclType{s.fields},
		})
		if err != nil {
			return nil, &Error{Detail: "unexpected error loading CEL environment: " + err.Error(), Internal: true}
		}
		s.sets[scope] = set
	}
	return compile(s.mode.of(set), text, types)
}

// Add compiles a variable; the expressions compiled after it may use it, as a value of any
// type if it does not compile.
func (s *Set) Add(name, text string, scope Scope) *Error {
	program, fault := s.Compile(text, scope, Any)
	t := cel.DynType
	if fault == nil {
		t = program.output
		s.variables = append(s.variables, variable{name, program})
	}
	s.fields.Fields[name] = apicel.NewDeclField(name, declared(t), true, nil, nil)
	return fault
}

// Variables are the variables of one evaluation: each is evaluated with in when it is first asked for, and costs b.
func (s *Set) Variables(in *Input, b *Budget) ref.Val {
	values := lazy.NewMapValue(types.NewObjectType("kubernetes.variables"))
	for _, v := range s.variables {
		values.Append(v.name, func(*lazy.MapValue) ref.Val {
			value, err := v.program.run(in, b)
			if err != nil {
				return types.NewErr("composited variable %q fails to evaluate: %v", v.name, err)
			}
			return value
		})
	}
	return values
}

// declared is a type of the checker's as a field can have it.
func declared(t *cel.Type) *apicel.DeclType {
	for _, plain := range []*apicel.DeclType{
		apicel.AnyType, apicel.BoolType, apicel.BytesType, apicel.DoubleType, apicel.DurationType, apicel.IntType, apicel.NullType,
		apicel.StringType, apicel.TimestampType, apicel.UintType,
	} {
		if t == plain.CelType() {
			return plain
		}
	}
	if t.HasTrait(traits.ContainerType) && t.HasTrait(traits.IndexerType) {
		switch of := t.Parameters(); len(of) {
		case 1:
			return apicel.NewListType(declared(of[0]), -1)
		case 2:
			return apicel.NewMapType(declared(of[0]), declared(of[1]), -1)
		}
	}
	return apicel.DynType
}
