package policy

import (
	"context"
	"strings"

	"taffrail.dev/gateway/expression"
)

// annotate evaluates an invocation's audit annotations. One that fails refuses the write, unless the policy ignores failures.
func (w *write) annotate(ctx context.Context, i *invocation, o *outcome) {
	if len(i.policy.annotations) == 0 || i.policy.fault != nil {
		return
	}
	failed := func(err error) {
		if !i.policy.ignore {
			o.deny(denial{policy: i.policy.name, binding: i.binding.name, message: err.Error()})
		}
	}
	budget := expression.NewBudget(expression.PolicyBudget)
	in, err := w.input(i, budget)
	if err != nil {
		failed(err)
		return
	}
	for _, a := range i.policy.annotations {
		value, err := a.program.Eval(ctx, in, budget)
		if err != nil {
			failed(err)
			continue
		}
		if text, ok := value.Value().(string); ok {
			if text = strings.TrimSpace(text); text != "" {
				o.annotate(i.policy.name+"/"+a.key, text)
			}
		}
	}
}
