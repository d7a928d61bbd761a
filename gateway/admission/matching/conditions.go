package matching

import (
	"context"
	"errors"
	"slices"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"

	"taffrail.dev/gateway/expression"
)

// Conditions are match conditions, compiled.
type Conditions struct {
	programs []*expression.Program
	// faults are why some do not compile, at their condition's place.
	faults []*expression.Error
	ignore bool
}

// NewConditions compiles match conditions; failure says what an error of theirs means.
func NewConditions(list []registrationv1.MatchCondition, failure *registrationv1.FailurePolicyType, params bool) Conditions {
	c := Conditions{ignore: failure != nil && *failure == registrationv1.Ignore}
	for i := range list {
		p, fault := expression.Compile(list[i].Expression, expression.Scope{Params: params, Authorizer: true}, expression.Stored, expression.Bool)
		c.programs, c.faults = append(c.programs, p), append(c.faults, fault)
	}
	return c
}

// Match says whether all conditions hold. One that is false decides; else an error is one, or with the
// failure policy Ignore a no.
func (c *Conditions) Match(ctx context.Context, in *expression.Input) (bool, error) {
	if len(c.programs) == 0 {
		return true, nil
	}
	var faults []error
	budget := expression.NewBudget(expression.MatchConditionsBudget)
	for i, p := range c.programs {
		if p == nil {
			faults = append(faults, errors.New(c.faults[i].Detail))
			continue
		}
		value, err := p.Eval(ctx, in, budget)
		switch {
		case errors.Is(err, expression.ErrBudget):
			return c.failed([]error{err})
		case err != nil:
			faults = append(faults, err)
		case value.Value() == false:
			return false, nil
		}
	}
	if len(faults) > 0 {
		return c.failed(faults)
	}
	return true, nil
}

func (c *Conditions) failed(faults []error) (bool, error) {
	if c.ignore {
		return false, nil
	}
	return false, utilerrors.NewAggregate(slices.Clip(faults))
}

// Empty says that there are none.
func (c *Conditions) Empty() bool { return len(c.programs) == 0 }
