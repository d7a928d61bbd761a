package rest

import (
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/rest/ownership"
)

// target is what a resource's path names.
type target struct {
	group, version, resource string
	namespace, name          string
	// subresource and the path below it ("proxy" and "metrics/cadvisor").
	subresource, below string
}

// parsePath splits /api/VERSION/… and /apis/GROUP/VERSION/…; false for any other path, and for those of
// discovery.
func parsePath(path string) (target, bool) {
	var t target
	rest, ok := strings.CutPrefix(path, "/api/")
	if !ok {
		if rest, ok = strings.CutPrefix(path, "/apis/"); !ok {
			return t, false
		}
		if t.group, rest, ok = strings.Cut(rest, "/"); !ok {
			return t, false
		}
	}
	if t.version, rest, ok = strings.Cut(rest, "/"); !ok || rest == "" {
		return t, false
	}
	first, rest, more := strings.Cut(rest, "/")
	t.resource = first
	if first == "namespaces" && more {
		namespace, below, inside := strings.Cut(rest, "/")
		if resource, _, _ := strings.Cut(below, "/"); inside && resource != "" && resource != "status" && resource != "finalize" {
			t.namespace = namespace
			t.resource, rest, _ = strings.Cut(below, "/")
		}
	}
	t.name, rest, _ = strings.Cut(rest, "/")
	t.subresource, t.below, _ = strings.Cut(rest, "/")
	return t, true
}

// unescaped undoes percent-encoding in the tokens of a target.
func (t *target) unescape() error {
	for _, token := range []*string{&t.namespace, &t.name, &t.subresource} {
		if strings.IndexByte(*token, '%') < 0 {
			continue
		}
		plain, err := url.PathUnescape(*token)
		if err != nil {
			return err
		}
		*token = plain
	}
	return nil
}

// verbOf is Kubernetes' verb for an HTTP method on a target; "" for none.
func verbOf(method string, t *target, watch bool) string {
	switch method {
	case "GET", "HEAD":
		switch {
		case t.name != "" && t.subresource == "" && watch, t.name == "" && watch:
			return "watch"
		case t.name == "":
			return "list"
		}
		return "get"
	case "POST":
		return "create"
	case "PUT":
		return "update"
	case "PATCH":
		return "patch"
	case "DELETE":
		if t.name == "" {
			return "deletecollection"
		}
		return "delete"
	}
	return ""
}

// served is a kind with what the server made of it once.
type served struct {
	*kind.Kind
	gvk  schema.GroupVersionKind
	gr   schema.GroupResource
	subs map[string]*kind.Subresource
	wire wire
	// owners by subresource, "" for the object.
	owners map[string]*ownership.Manager
}

func newServed(k *kind.Kind, owners *ownership.Owners) *served {
	s := &served{
		Kind: k, gvk: k.GroupVersionKind, gr: k.GroupVersionResource().GroupResource(),
		subs: map[string]*kind.Subresource{}, wire: newWire(k.GroupVersionKind), owners: map[string]*ownership.Manager{},
	}
	if k.Text != nil {
		s.wire = newTextWire(k.GroupVersionKind, k.Text.ListKind)
	}
	if !k.Internal {
		s.owners[""] = owners.Manager(k, "")
	}
	for i := range k.Subresources {
		sub := &k.Subresources[i]
		s.subs[sub.Name] = sub
		s.owners[sub.Name] = owners.Manager(k, sub.Name)
	}
	return s
}

// allows says whether a verb is served on the object or on a subresource.
func (s *served) allows(verb, subresource string) bool {
	verbs := s.Verbs
	if subresource != "" {
		sub := s.subs[subresource]
		if sub == nil {
			return false
		}
		if sub.Connect != nil {
			return true
		}
		verbs = sub.Verbs
		if verbs == nil {
			return sub.Create != nil && verb == "create"
		}
	} else if s.Review != nil {
		return verb == "create"
	} else if verbs == nil {
		return verb != ""
	}
	for _, v := range verbs {
		if v == verb {
			return true
		}
	}
	return false
}
