package expression

import "testing"

// FuzzCompile compiles any text; what compiles ends within its budget.
func FuzzCompile(f *testing.F) {
	for _, text := range []string{
		"object.spec.replicas <= params.max", "has(object.a) ? object.a : 'b'", "Object{spec: Object.spec{a: 1}}", "[JSONPatch{op: 'add'}]",
		"authorizer.group('').resource('pods').check('get').allowed()", "[1,2].map(x, [3].exists(y, x == y))", "'a'.matches('(')", "quantity('x')",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, fault := Compile(text, Scope{Params: true, Patch: true}, Stored, Any)
		if fault != nil {
			return
		}
		b := NewBudget(PolicyBudget)
		if _, err := p.Eval(t.Context(), input(), b); err == nil && b.left < 0 {
			t.Errorf("%q cost more than there was", text)
		}
	})
}
