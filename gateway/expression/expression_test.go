package expression

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/cel-go/cel"
)

func input() *Input {
	return &Input{
		Object:    map[string]any{"spec": map[string]any{"replicas": int64(3)}, "metadata": map[string]any{"labels": map[string]any{"a": "b"}}},
		Namespace: map[string]any{"metadata": map[string]any{"name": "shop", "labels": map[string]any{"env": "prod"}}},
		Params:    map[string]any{"max": int64(2)},
		Request:   map[string]any{"operation": "CREATE", "userInfo": map[string]any{"username": "ann"}},
	}
}

func TestEval(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"object.spec.replicas <= params.max", "false"},
		{"oldObject == null", "true"},
		{"has(object.metadata.annotations)", "false"},
		{"namespaceObject.metadata.labels['env'] == 'prod'", "true"},
		{"request.userInfo.username.startsWith('a') && request.operation == 'CREATE'", "true"},
		{"quantity('1Gi').isGreaterThan(quantity('1M')) && isIP('10.0.0.1') && url('https://a/b').getHost() == 'a'", "true"},
		{"object.metadata.labels.exists(k, k.matches('^a$'))", "true"},
		{"object.spec.none == 1", "expression 'object.spec.none == 1' resulted in error: no such key: none"},
	} {
		p, fault := Compile(c.text, Scope{Params: true}, Stored, Bool)
		if fault != nil {
			t.Errorf("%s: %v", c.text, fault)
			continue
		}
		value, err := p.Eval(t.Context(), input(), NewBudget(PolicyBudget))
		got := ""
		if err != nil {
			got = err.Error()
		} else if got = "false"; value.Value() == true {
			got = "true"
		}
		if got != c.want {
			t.Errorf("%s is %s, want %s", c.text, got, c.want)
		}
	}
}

func TestCompileFaults(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text  string
		types []*cel.Type
		want  string
	}{
		{"1 + 1", []*cel.Type{Bool}, "must evaluate to bool but got int"},
		{"1", []*cel.Type{String, Null}, "must evaluate to one of [string null_type] but got int"},
		{"params.max > 1", []*cel.Type{Bool}, "compilation failed: ERROR: <input>:1:1: undeclared reference to 'params'"},
		{"request.nothing == ''", []*cel.Type{Bool}, "compilation failed: ERROR: <input>:1:8: undefined field 'nothing'"},
		{"object.", []*cel.Type{Bool}, "compilation failed: ERROR: <input>:1:8: Syntax error"},
	} {
		if _, fault := Compile(c.text, Scope{}, New, c.types...); fault == nil || !strings.HasPrefix(fault.Error(), c.want) {
			t.Errorf("%s: %v, want %s", c.text, fault, c.want)
		}
	}
}

func TestVariablesAreEvaluatedOnceAndWhenUsed(t *testing.T) {
	t.Parallel()
	s := NewSet(Stored, false)
	for _, v := range [][2]string{{"replicas", "object.spec.replicas"}, {"twice", "variables.replicas * 2"}, {"broken", "object.none.none"}, {"list", "[1, 2]"}} {
		if fault := s.Add(v[0], v[1], Scope{}); fault != nil {
			t.Fatal(v, fault)
		}
	}
	eval := func(text string, units int64) (any, error) {
		p, fault := s.Compile(text, Scope{}, Any)
		if fault != nil {
			t.Fatal(text, fault)
		}
		in, budget := input(), NewBudget(units)
		in.Variables = s.Variables(in, budget)
		value, err := p.Eval(t.Context(), in, budget)
		if err != nil {
			return nil, err
		}
		return value.Value(), nil
	}
	if got, err := eval("variables.twice + variables.twice == 12 && variables.list.size() == 2", PolicyBudget); got != true || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := eval("variables.broken == 1", PolicyBudget); err == nil || !strings.Contains(err.Error(), `composited variable "broken" fails to evaluate: no such key: none`) {
		t.Errorf("a broken variable: %v", err)
	}
	if _, err := eval("variables.twice == 6", 2); !errors.Is(err, ErrBudget) {
		t.Errorf("a variable beyond the budget: %v", err)
	}
	if _, fault := s.Compile("variables.later", Scope{}, Any); fault == nil {
		t.Error("an undeclared variable compiles")
	}
}

func TestBudgetIsShared(t *testing.T) {
	t.Parallel()
	p, fault := Compile("object.spec.replicas == 3", Scope{}, Stored, Bool)
	if fault != nil {
		t.Fatal(fault)
	}
	b := NewBudget(5)
	for range 9 {
		if _, err := p.Eval(t.Context(), input(), b); err != nil {
			if !errors.Is(err, ErrBudget) {
				t.Fatal(err)
			}
			return
		}
	}
	t.Error("nothing was spent")
}

func TestRunawayExpressionEnds(t *testing.T) {
	t.Parallel()
	p, fault := Compile("[0,1,2,3,4,5,6,7,8,9].all(a, [0,1,2,3,4,5,6,7,8,9].all(b, [0,1,2,3,4,5,6,7,8,9].all(c, [0,1,2,3,4,5,6,7,8,9].all(d, [0,1,2,3,4,5,6,7,8,9].all(e, [0,1,2,3,4,5,6,7,8,9].all(f, a+b+c+d+e+f >= 0))))))", Scope{}, Stored, Bool)
	if fault != nil {
		t.Fatal(fault)
	}
	if _, err := p.Eval(t.Context(), input(), NewBudget(PolicyBudget)); err == nil || !strings.Contains(err.Error(), "actual cost limit exceeded") {
		t.Errorf("it ended with %v", err)
	}
}
