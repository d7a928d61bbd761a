package selection

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"unique"

	"k8s.io/apimachinery/pkg/labels"
)

// Labels are an object's labels. Equal ones share their memory, as those of a workload's pods mostly are, and
// are compared at once. The zero value is none.
type Labels struct{ text unique.Handle[string] }

var _ labels.Labels = Labels{}

// LabelsOf makes labels of a map.
func LabelsOf(m map[string]string) Labels {
	if len(m) == 0 {
		return Labels{}
	}
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(m)) {
		for _, text := range [2]string{key, m[key]} {
			b.WriteString(strings.ReplaceAll(text, "\x00", "\ufffd")) // which no label has
			b.WriteByte(0)
		}
	}
	return Labels{unique.Make(b.String())}
}

// All is every key and value, by key.
func (l Labels) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		if l == (Labels{}) {
			return
		}
		for rest := l.text.Value(); rest != ""; {
			var key, value string
			key, rest, _ = strings.Cut(rest, "\x00")
			value, rest, _ = strings.Cut(rest, "\x00")
			if !yield(key, value) {
				return
			}
		}
	}
}

// Lookup is a label's value, and whether there is one.
func (l Labels) Lookup(label string) (string, bool) {
	for key, value := range l.All() {
		if key == label {
			return value, true
		}
	}
	return "", false
}

// Has says whether there is a label.
func (l Labels) Has(label string) bool {
	_, found := l.Lookup(label)
	return found
}

// Get is a label's value, "" if there is none.
func (l Labels) Get(label string) string {
	value, _ := l.Lookup(label)
	return value
}
