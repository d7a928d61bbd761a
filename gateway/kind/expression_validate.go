package kind

import (
	"strings"

	"github.com/google/cel-go/cel"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"taffrail.dev/gateway/expression"
)

// maxMatchConditions is Kubernetes' bound.
const maxMatchConditions = 64

// written are the expressions that an object had before a change: they may use all that stored ones may, so that
// an object stays writable whatever release it is of.
type written map[string]bool

func (w written) addConditions(list []registrationv1.MatchCondition) {
	for i := range list {
		w[list[i].Expression] = true
	}
}

func (w written) mode(text string) expression.Mode {
	if w[text] {
		return expression.Stored
	}
	return expression.New
}

// uncompilable is what validation says about an expression that does not compile.
func uncompilable(fault *expression.Error, text string, p *field.Path) field.ErrorList {
	switch {
	case fault == nil:
		return nil
	case fault.Internal:
		return field.ErrorList{field.InternalError(p, fault)}
	}
	return field.ErrorList{field.Invalid(p, text, fault.Detail)}
}

func validateMatchConditions(list []registrationv1.MatchCondition, params bool, known written, p *field.Path) (errs field.ErrorList) {
	if len(list) > maxMatchConditions {
		errs = append(errs, field.TooMany(p, len(list), maxMatchConditions))
	}
	seen := map[string]bool{}
	for i := range list {
		c, at := &list[i], p.Index(i)
		if i < maxMatchConditions {
			errs = append(errs, validateMatchCondition(c, params, known, at)...)
		}
		if c.Name != "" && seen[c.Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), c.Name))
		}
		seen[c.Name] = true
	}
	return errs
}

func validateMatchCondition(c *registrationv1.MatchCondition, params bool, known written, p *field.Path) (errs field.ErrorList) {
	if strings.TrimSpace(c.Expression) == "" {
		errs = append(errs, field.Required(p.Child("expression"), ""))
	} else {
		_, fault := expression.Compile(c.Expression, expression.Scope{Params: params, Authorizer: true}, known.mode(c.Expression), expression.Bool)
		errs = append(errs, uncompilable(fault, c.Expression, p.Child("expression"))...)
	}
	if c.Name == "" {
		return append(errs, field.Required(p.Child("name"), ""))
	}
	return append(errs, invalids(p.Child("name"), c.Name, qualifiedName(c.Name))...)
}

// policyExpressions compile what one policy has, each with the variables before it.
type policyExpressions struct {
	// sets are of new and of stored expressions.
	sets   map[expression.Mode]*expression.Set
	params bool
	known  written
}

func newPolicyExpressions(params *registrationv1.ParamKind, patch bool, known written) *policyExpressions {
	return &policyExpressions{
		sets: map[expression.Mode]*expression.Set{
			expression.New: expression.NewSet(expression.New, patch), expression.Stored: expression.NewSet(expression.Stored, patch),
		},
		params: params != nil, known: known,
	}
}

func (e *policyExpressions) check(text string, authorizer bool, p *field.Path, types ...*cel.Type) field.ErrorList {
	_, fault := e.sets[e.known.mode(text)].Compile(text, expression.Scope{Params: e.params, Authorizer: authorizer}, types...)
	return uncompilable(fault, text, p)
}

func (e *policyExpressions) variable(v *registrationv1.Variable, p *field.Path) (errs field.ErrorList) {
	switch {
	case strings.TrimSpace(v.Name) == "":
		errs = append(errs, field.Required(p.Child("name"), "name is not specified"))
	case !expression.IsName(v.Name):
		errs = append(errs, field.Invalid(p.Child("name"), v.Name, "name is not a valid CEL identifier"))
	}
	if strings.TrimSpace(v.Expression) == "" {
		return append(errs, field.Required(p.Child("expression"), "expression is not specified"))
	}
	var fault *expression.Error
	for mode, set := range e.sets {
		if f := set.Add(v.Name, v.Expression, expression.Scope{Params: e.params, Authorizer: true}); mode == e.known.mode(v.Expression) {
			fault = f
		}
	}
	return append(errs, uncompilable(fault, v.Expression, p.Child("expression"))...)
}
