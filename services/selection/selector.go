// Package selection keeps which label selectors select which objects, so that a change of
// one object is brought to its selectors, and a selector knows its objects, without a search.
package selection

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Selector is a parsed label selector. The zero value selects nothing.
type Selector struct {
	selector labels.Selector
	pairs    []pair
}

type pair struct{ key, value string }

// Of parses a selector; nil selects nothing.
func Of(s *metav1.LabelSelector) (Selector, error) {
	if s == nil {
		return Selector{}, nil
	}
	parsed, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return Selector{}, err
	}
	return Selector{selector: parsed, pairs: pairs(s.MatchLabels)}, nil
}

// Exactly selects the objects that have all of the labels; nothing if there are none.
func Exactly(want map[string]string) Selector {
	if len(want) == 0 {
		return Selector{}
	}
	return Selector{selector: labels.SelectorFromSet(want), pairs: pairs(want)}
}

func pairs(m map[string]string) []pair {
	out := make([]pair, 0, len(m))
	for k, v := range m {
		out = append(out, pair{k, v})
	}
	return out
}

// Matches says whether the selector selects an object of these labels.
func (s Selector) Matches(l labels.Labels) bool {
	return s.selector != nil && s.selector.Matches(l)
}

// Everything says whether the selector selects all objects.
func (s Selector) Everything() bool { return s.selector != nil && s.selector.Empty() }
