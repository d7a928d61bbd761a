package matching

import (
	"k8s.io/apimachinery/pkg/api/equality"

	"taffrail.dev/gateway/kind"
)

// Rounds is what a plugin's webhooks or policies know of a write's two rounds: in the second, those with
// the reinvocation policy IfNeeded are asked again if the object changed after them.
type Rounds struct {
	of *kind.Rounds
	// invoked may be asked again; again are to be asked in this round.
	invoked, again map[string]bool
	// last is the object as they left it.
	last kind.Object
}

// RoundsOf are a plugin's rounds of a request.
func RoundsOf(r *kind.Request, plugin string) *Rounds {
	of := r.RoundsOf()
	if mine, ok := of.Kept[plugin].(*Rounds); ok {
		return mine
	}
	mine := &Rounds{of: of, invoked: map[string]bool{}, again: map[string]bool{}}
	of.Kept[plugin] = mine
	return mine
}

// Begin begins a round with the object as it is.
func (r *Rounds) Begin(obj kind.Object) {
	if r.of.Second && !equality.Semantic.DeepEqual(r.last, obj) {
		r.askAgain()
	}
}

// Asks says whether who is called so is to be asked in this round.
func (r *Rounds) Asks(name string) bool { return !r.of.Second || r.again[name] }

// Asked notes who was asked, and whether they may be asked again.
func (r *Rounds) Asked(name string, again bool) {
	if again {
		r.invoked[name] = true
	}
}

// Changed notes that the object was changed: all that were asked before may have to see it.
func (r *Rounds) Changed() {
	r.askAgain()
	r.of.Wanted = true
}

func (r *Rounds) askAgain() {
	for name := range r.invoked {
		r.again[name] = true
	}
	clear(r.invoked)
}

// End ends a round with the object as it is now.
func (r *Rounds) End(obj kind.Object) {
	if obj != nil && len(r.invoked)+len(r.again) > 0 && !r.of.Second {
		r.last = obj.DeepCopyObject().(kind.Object)
	}
}
