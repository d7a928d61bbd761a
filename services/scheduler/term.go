package scheduler

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// term is one pod affinity term: which pods it speaks of, and over which domains.
type term struct {
	topology   string
	namespaces []string
	// anywhere selects namespaces by label beside those named; nil for none.
	anywhere labels.Selector
	selector labels.Selector
	weight   int64
}

// termOf reads a term as a pod with these labels in this namespace means it.
func termOf(t *corev1.PodAffinityTerm, namespace string, own map[string]string, weight int64) term {
	out := term{topology: t.TopologyKey, weight: weight, namespaces: slices.Sorted(slices.Values(t.Namespaces))}
	if t.NamespaceSelector != nil {
		out.anywhere = selectorOf(t.NamespaceSelector)
	} else if len(out.namespaces) == 0 {
		out.namespaces = []string{namespace}
	}
	out.selector = withKeys(selectorOf(t.LabelSelector), own, t.MatchLabelKeys, t.MismatchLabelKeys)
	return out
}

// selectorOf is a label selector; nil or malformed matches nothing.
func selectorOf(s *metav1.LabelSelector) labels.Selector {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return labels.Nothing()
	}
	return selector
}

// withKeys narrows a selector to pods that have (or have not) the same value of some
// labels.
func withKeys(selector labels.Selector, own map[string]string, same, other []string) labels.Selector {
	add := func(key string, operator selection.Operator) {
		value, ok := own[key]
		if !ok {
			return
		}
		if narrower, err := labels.NewRequirement(key, operator, []string{value}); err == nil {
			selector = selector.Add(*narrower)
		}
	}
	for _, key := range same {
		add(key, selection.In)
	}
	for _, key := range other {
		add(key, selection.NotIn)
	}
	return selector
}

// covers says whether the term speaks of a pod.
func (t *term) covers(s *State, namespace string, set labels.Labels) bool {
	if !slices.Contains(t.namespaces, namespace) && (t.anywhere == nil || !t.anywhere.Matches(labels.Set(s.namespaces[namespace]))) {
		return false
	}
	return t.selector.Matches(set)
}

// scope identifies the pods that the term speaks of, domains aside.
func (t *term) scope() string {
	var b strings.Builder
	b.WriteString(strings.Join(t.namespaces, ","))
	b.WriteByte('|')
	if t.anywhere != nil {
		b.WriteByte('~')
		b.WriteString(t.anywhere.String())
	}
	b.WriteByte('|')
	if t.selector.Empty() {
		b.WriteByte('*')
	}
	b.WriteString(t.selector.String())
	return b.String()
}
