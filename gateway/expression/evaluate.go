package expression

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
)

// The budgets, in units of cost: of a policy's binding, and of an object's match conditions.
const (
	PolicyBudget          = 10_000_000
	MatchConditionsBudget = 2_500_000
)

// ErrBudget says that evaluations have cost too much together.
var ErrBudget = errors.New("validation failed due to running out of cost budget, no further validation rules will be run")

// Budget is what evaluations may still cost together. It is not safe for concurrent use.
type Budget struct {
	left int64
	ctx  context.Context // of the evaluation under way, for variables
	// spent says that it did not suffice.
	spent bool
}

// NewBudget is a budget of so many units.
func NewBudget(units int64) *Budget { return &Budget{left: units} }

func (b *Budget) pay(cost uint64) error {
	if cost > math.MaxInt64 || int64(cost) > b.left {
		b.left, b.spent = 0, true
		return ErrBudget
	}
	b.left -= int64(cost)
	return nil
}

// Input is what an expression is evaluated with. What its Scope does not declare may be zero.
type Input struct {
	// Object, OldObject, Namespace and Params are objects as JSON decodes them, nil for null.
	Object, OldObject, Namespace, Params map[string]any
	Request                              map[string]any
	Authorizer, RequestResource          ref.Val
	Variables                            ref.Val
}

var _ interpreter.Activation = (*Input)(nil)

// ResolveName is a variable's value.
func (in *Input) ResolveName(name string) (any, bool) {
	switch name {
	case objectName:
		return orNull(in.Object), true
	case oldObjectName:
		return orNull(in.OldObject), true
	case namespaceName:
		return orNull(in.Namespace), true
	case requestName:
		return in.Request, true
	case paramsName:
		return orNull(in.Params), true
	case authorizerName:
		return in.Authorizer, in.Authorizer != nil
	case resourceName:
		return in.RequestResource, in.RequestResource != nil
	case variablesName:
		return in.Variables, in.Variables != nil
	}
	return nil, false
}

// Parent is none.
func (in *Input) Parent() interpreter.Activation { return nil }

// orNull is a map, or nil of no type, which is null.
func orNull(m map[string]any) any {
	if m == nil {
		return nil
	}
	return m
}

// Eval evaluates. An error that is ErrBudget is about all evaluations of the budget, any other about this expression.
func (p *Program) Eval(ctx context.Context, in *Input, b *Budget) (ref.Val, error) {
	b.ctx = ctx
	value, err := p.run(in, b)
	switch {
	case b.spent:
		return nil, ErrBudget
	case err != nil:
		return nil, fmt.Errorf("expression '%v' resulted in error: %w", p.Text, err)
	}
	return value, nil
}

func (p *Program) run(in *Input, b *Budget) (ref.Val, error) {
	value, details, err := p.program.ContextEval(b.ctx, in)
	if details != nil {
		if cost := details.ActualCost(); cost != nil {
			if err := b.pay(*cost); err != nil {
				return nil, err
			}
		}
	}
	return value, err
}
