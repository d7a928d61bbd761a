package access

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// rule is a PolicyRule made ready to be asked.
type rule struct {
	source    *rbacv1.PolicyRule
	verbs     words
	groups    words
	resources []resourcePattern
	names     []string
	paths     []string
}

// words are alternatives; any stands for all.
type words struct {
	any  bool
	list []string
}

func newWords(list []string) words {
	return words{any: slices.Contains(list, "*"), list: list}
}

func (w *words) has(word string) bool { return w.any || slices.Contains(w.list, word) }

// resourcePattern is "*" (everything), "pods", "pods/log" or "*/scale".
type resourcePattern struct{ resource, subresource string }

func newRules(list []rbacv1.PolicyRule) []rule {
	rules := make([]rule, len(list))
	for i := range list {
		p := &list[i]
		rules[i] = rule{
			source: p, verbs: newWords(p.Verbs), groups: newWords(p.APIGroups), names: p.ResourceNames, paths: p.NonResourceURLs,
			resources: make([]resourcePattern, len(p.Resources)),
		}
		for j, pattern := range p.Resources {
			resource, subresource, _ := strings.Cut(pattern, "/")
			if subresource == "" {
				resource = pattern
			}
			rules[i].resources[j] = resourcePattern{resource, subresource}
		}
	}
	return rules
}

// answer is what a rule, or many, says to attributes.
type answer uint8

const (
	no answer = iota
	// noByName: a rule with resourceNames allows it to other names.
	noByName
	// yesByName: allowed for this name.
	yesByName
	yes
)

func (r *rule) answer(a *Attributes) answer {
	if !r.verbs.has(a.Verb) {
		return no
	}
	if a.Resource == "" {
		if slices.ContainsFunc(r.paths, func(pattern string) bool { return pathMatches(pattern, a.Path) }) {
			return yes
		}
		return no
	}
	if !r.groups.has(a.APIGroup) || !r.hasResource(a.Resource, a.Subresource) {
		return no
	}
	switch {
	case len(r.names) == 0:
		return yes
	case slices.Contains(r.names, a.Name):
		return yesByName
	}
	return noByName
}

func (r *rule) hasResource(resource, subresource string) bool {
	for i := range r.resources {
		p := &r.resources[i]
		if p.resource == "*" && p.subresource == "" {
			return true
		}
		if p.subresource == subresource && (p.resource == resource || p.resource == "*" && subresource != "") {
			return true
		}
	}
	return false
}

func pathMatches(pattern, path string) bool {
	if strings.HasSuffix(pattern, "*") {
		return strings.HasPrefix(path, strings.TrimRight(pattern, "*"))
	}
	return pattern == path
}
