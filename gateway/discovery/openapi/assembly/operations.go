package assembly

import (
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/kube-openapi/pkg/common"

	"taffrail.dev/gateway/kind"
)

var (
	media      = []string{"application/json", "application/yaml", "application/vnd.kubernetes.protobuf"}
	listMedia  = append(slices.Clone(media), "application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch")
	patchMedia = []string{
		"application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json", "application/apply-patch+yaml",
	}
	anyMedia = []string{"*/*"}
)

// writer collects the routes of one kind.
type writer struct {
	kind   *kind.Kind
	routes []common.Route
	// group and scope are in every operation's name: "CoreV1", "Namespaced".
	group, scope string
	collection   string
	inside       []common.Parameter
}

func containerOf(root string, kinds []*kind.Kind) *container {
	c := &container{root: "/" + root}
	for _, k := range kinds {
		w := &writer{kind: k, group: operationGroup(k.GroupVersion()), collection: rootOf(k)}
		if k.Namespaced {
			w.scope = "Namespaced"
			w.collection += "/namespaces/{namespace}"
			w.inside = append(w.inside, inPath("namespace", "object name and auth scope, such as for teams and projects"))
		}
		w.collection += "/" + k.Resource
		w.object()
		for i := range k.Subresources {
			w.subresource(&k.Subresources[i])
		}
		c.routes = append(c.routes, w.routes...)
	}
	return c
}

// operationGroup is "CoreV1", "RbacAuthorizationV1": the group's name up to the .k8s.io, in camel case.
func operationGroup(gv schema.GroupVersion) string {
	name := strings.TrimSuffix(gv.Group, ".k8s.io")
	if name == "" {
		name = "core"
	}
	var b strings.Builder
	for part := range strings.SplitSeq(name+"."+gv.Version, ".") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

func (w *writer) has(verb string) bool {
	if w.kind.Review != nil {
		return verb == "create"
	}
	return w.kind.Verbs == nil || slices.Contains(w.kind.Verbs, verb)
}

func (w *writer) add(verb, action, suffix string, gvk schema.GroupVersionKind, r *route) {
	r.operation = verb + w.group + w.scope + w.kind.Kind + suffix
	r.metadata = map[string]any{"x-kubernetes-action": action, "x-kubernetes-group-version-kind": gvkMap(gvk)}
	r.parameters = append(r.parameters, pretty)
	r.consumes = w.of(orElse(r.consumes, anyMedia))
	r.produces = w.of(orElse(r.produces, media))
	w.routes = append(w.routes, r)
}

// of leaves out what the kind's objects cannot be encoded in.
func (w *writer) of(list []string) []string {
	if w.kind.Text == nil {
		return list
	}
	return slices.DeleteFunc(slices.Clone(list), func(m string) bool {
		return strings.Contains(m, "protobuf") || strings.Contains(m, "strategic")
	})
}

func orElse(list, other []string) []string {
	if list == nil {
		return other
	}
	return list
}

func (w *writer) object() {
	k, gvk := w.kind, w.kind.GroupVersionKind
	if k.NewList != nil && w.has("list") {
		list := func(path string, inside []common.Parameter) *route {
			return &route{
				method: "GET", path: path, description: "list or watch objects of kind " + k.Kind, produces: listMedia,
				parameters: slices.Concat(inside, listQuery), answer: k.NewList(),
			}
		}
		w.add("list", "list", "", gvk, list(w.collection, w.inside))
		if k.Namespaced {
			scope := w.scope
			w.scope = ""
			w.add("list", "list", "ForAllNamespaces", gvk, list(rootOf(k)+"/"+k.Resource, nil))
			w.scope = scope
		}
	}
	if w.has("create") {
		w.add("create", "post", "", gvk, w.create(w.collection, w.inside, k.New(), "create a "+k.Kind))
	}
	if w.has("deletecollection") {
		w.add("delete", "deletecollection", "Collection", gvk, &route{
			method: "DELETE", path: w.collection, description: "delete collection of " + k.Kind, body: &metav1.DeleteOptions{},
			parameters: slices.Concat(w.inside, deleteCollectionQuery(), []common.Parameter{bodyOf(false)}), answer: &metav1.Status{},
		})
	}
	item, name := w.item()
	w.access(item, name, "", gvk, k.New(), w.has)
	if w.has("delete") {
		w.add("delete", "delete", "", gvk, &route{
			method: "DELETE", path: item, description: "delete a " + k.Kind, body: &metav1.DeleteOptions{},
			parameters: slices.Concat(name, deleteQuery, []common.Parameter{bodyOf(false)}),
			responses:  []common.StatusCodeResponse{&response{200, "OK", &metav1.Status{}}, &response{202, "Accepted", &metav1.Status{}}},
		})
	}
}

// deleteCollectionQuery are both the selection's and the deletion's parameters.
func deleteCollectionQuery() []common.Parameter {
	return slices.Concat(slices.DeleteFunc(slices.Clone(listQuery), func(p common.Parameter) bool {
		return p.Name() == "watch" || p.Name() == "allowWatchBookmarks"
	}), deleteQuery)
}

func (w *writer) item() (string, []common.Parameter) {
	return w.collection + "/{name}", append(slices.Clone(w.inside), inPath("name", "name of the "+w.kind.Kind))
}

func (w *writer) create(path string, inside []common.Parameter, body any, description string) *route {
	return &route{
		method: "POST", path: path, description: description, body: body,
		parameters: slices.Concat(inside, createQuery, []common.Parameter{bodyOf(true)}),
		responses: []common.StatusCodeResponse{
			&response{200, "OK", body}, &response{201, "Created", body}, &response{202, "Accepted", body},
		},
	}
}

// access adds get, update and patch.
func (w *writer) access(path string, inside []common.Parameter, suffix string, gvk schema.GroupVersionKind, model any, has func(string) bool) {
	what := suffix + " of the specified " + w.kind.Kind
	if suffix == "" {
		what = "the specified " + w.kind.Kind
	}
	stored := []common.StatusCodeResponse{&response{200, "OK", model}, &response{201, "Created", model}}
	if has("get") {
		w.add("read", "get", suffix, gvk, &route{method: "GET", path: path, description: "read " + what, parameters: slices.Clone(inside), answer: model})
	}
	if has("update") {
		w.add("replace", "put", suffix, gvk, &route{
			method: "PUT", path: path, description: "replace " + what, body: model, responses: stored,
			parameters: slices.Concat(inside, updateQuery, []common.Parameter{bodyOf(true)}),
		})
	}
	if has("patch") {
		w.add("patch", "patch", suffix, gvk, &route{
			method: "PATCH", path: path, description: "partially update " + what, body: &metav1.Patch{}, responses: stored, consumes: patchMedia,
			parameters: slices.Concat(inside, patchQuery, []common.Parameter{bodyOf(true)}),
		})
	}
}

func (w *writer) subresource(sub *kind.Subresource) {
	item, name := w.item()
	path := item + "/" + sub.Name
	suffix := strings.ToUpper(sub.Name[:1]) + sub.Name[1:]
	gvk, model := w.kind.GroupVersionKind, any(w.kind.New())
	if sub.New != nil {
		gvk, model = sub.GroupVersionKind, sub.New()
	}
	has := func(verb string) bool { return slices.Contains(sub.Verbs, verb) }
	if sub.Connect != nil {
		w.connect(sub, path, name, suffix, gvk)
		return
	}
	w.access(path, name, suffix, gvk, model, has)
	if has("create") {
		w.add("create", "post", suffix, gvk, w.create(path, name, model, "create "+sub.Name+" of a "+w.kind.Kind))
	}
}
