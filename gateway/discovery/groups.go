package discovery

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiversion "k8s.io/apimachinery/pkg/version"

	"taffrail.dev/gateway/kind"
)

// group is an API group with its versions, the preferred one first.
type group struct {
	name string
	// custom groups have kinds that users defined: their versions are in the order of their age.
	custom   bool
	versions []version
}

type version struct {
	schema.GroupVersion
	kinds []*kind.Kind
}

// groupsOf sorts kinds into groups and versions, both in the order of their first kind but for the
// core group, which is first.
func groupsOf(kinds []*kind.Kind) []*group {
	groups := []*group{{}}
	known := map[string]*group{"": groups[0]}
	for _, k := range kinds {
		if k.Internal {
			continue
		}
		g := known[k.Group]
		if g == nil {
			g = &group{name: k.Group}
			known[k.Group] = g
			groups = append(groups, g)
		}
		g.add(k)
		g.custom = g.custom || k.Text != nil
	}
	for _, g := range groups {
		if g.custom {
			slices.SortStableFunc(g.versions, func(a, b version) int {
				return apiversion.CompareKubeAwareVersionStrings(b.Version, a.Version)
			})
		}
	}
	return groups
}

func (g *group) add(k *kind.Kind) {
	at := slices.IndexFunc(g.versions, func(v version) bool { return v.Version == k.Version })
	if at < 0 {
		at = len(g.versions)
		g.versions = append(g.versions, version{GroupVersion: k.GroupVersion()})
	}
	g.versions[at].kinds = append(g.versions[at].kinds, k)
}

// told is what is said of the kinds as of one time, each document made when it is first asked for.
type told struct {
	documents func() map[string]func() (*document, error)
}

func (t *told) document(path string) (*document, error) {
	if make := t.documents()[path]; make != nil {
		return make()
	}
	return nil, nil
}

// tell describes the kinds when first asked.
func (s *Server) tell() *told {
	return &told{sync.OnceValue(func() map[string]func() (*document, error) {
		kinds := s.config.Kinds
		if s.config.Custom != nil {
			kinds = append(slices.Clone(kinds), s.config.Custom()...)
		}
		out := describe(groupsOf(kinds), s.config.Address)
		out["/"] = sync.OnceValues(func() (*document, error) { return s.listPaths(out) })
		return out
	})}
}

// describe is what is at /api, /apis and below.
func describe(groups []*group, address string) map[string]func() (*document, error) {
	out := map[string]func() (*document, error){}
	add := func(path string, make func() (*document, error)) { out[path] = sync.OnceValues(make) }
	for _, g := range groups {
		root := "/apis/" + g.name
		if g.name == "" {
			root = "/api"
		} else {
			add(root, func() (*document, error) {
				described := apiGroup(g)
				described.TypeMeta = meta("APIGroup", "v1")
				return newDocument(described)
			})
		}
		for _, v := range g.versions {
			add(root+"/"+v.Version, func() (*document, error) { return newDocument(resourceList(v)) })
		}
	}
	add("/apis", func() (*document, error) { return groupList(groups[1:]) })
	add("/api", func() (*document, error) { return coreVersions(groups[:1], address) })
	return out
}

func groupList(groups []*group) (*document, error) {
	list := &metav1.APIGroupList{TypeMeta: meta("APIGroupList", "v1"), Groups: []metav1.APIGroup{}}
	for _, g := range groups {
		list.Groups = append(list.Groups, *apiGroup(g))
	}
	d, err := newDocument(list)
	if err != nil {
		return nil, err
	}
	return d, aggregate(d, groups)
}

func coreVersions(groups []*group, address string) (*document, error) {
	core := &metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}}
	core.ServerAddressByClientCIDRs = []metav1.ServerAddressByClientCIDR{{ClientCIDR: "0.0.0.0/0", ServerAddress: address}}
	d, err := newDocument(core)
	if err != nil {
		return nil, err
	}
	return d, aggregate(d, groups)
}

func meta(kind, apiVersion string) metav1.TypeMeta {
	return metav1.TypeMeta{Kind: kind, APIVersion: apiVersion}
}

func apiGroup(g *group) *metav1.APIGroup {
	described := &metav1.APIGroup{Name: g.name}
	for _, v := range g.versions {
		described.Versions = append(described.Versions, metav1.GroupVersionForDiscovery{GroupVersion: v.String(), Version: v.Version})
	}
	described.PreferredVersion = described.Versions[0]
	return described
}

func resourceList(v version) *metav1.APIResourceList {
	list := &metav1.APIResourceList{TypeMeta: meta("APIResourceList", "v1"), GroupVersion: v.String()}
	for _, k := range v.kinds {
		list.APIResources = append(list.APIResources, metav1.APIResource{
			Name: k.Resource, SingularName: singular(k), Namespaced: k.Namespaced, Kind: k.Kind, Verbs: verbs(k),
			ShortNames: k.ShortNames, Categories: k.Categories, StorageVersionHash: storageHash(k),
		})
		for i := range k.Subresources {
			sub := &k.Subresources[i]
			gvk := subresourceKind(k, sub)
			described := metav1.APIResource{Name: k.Resource + "/" + sub.Name, Namespaced: k.Namespaced, Kind: gvk.Kind, Verbs: sub.Verbs}
			if gvk.GroupVersion() != v.GroupVersion {
				described.Group, described.Version = gvk.Group, gvk.Version
			}
			list.APIResources = append(list.APIResources, described)
		}
	}
	slices.SortStableFunc(list.APIResources, func(a, b metav1.APIResource) int { return strings.Compare(a.Name, b.Name) })
	return list
}

func singular(k *kind.Kind) string {
	if k.Singular != "" {
		return k.Singular
	}
	return strings.ToLower(k.Kind)
}

// verbs are sorted, as Kubernetes lists them.
func verbs(k *kind.Kind) []string {
	if k.Verbs != nil {
		return slices.Sorted(slices.Values(k.Verbs))
	}
	if k.Review != nil {
		return []string{"create"}
	}
	if k.Text != nil && k.Text.Closed {
		return []string{"delete", "deletecollection", "get", "list", "watch"}
	}
	return []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
}

// storageHash changes when the version that objects are stored in does.
func storageHash(k *kind.Kind) string {
	if k.Review != nil {
		return ""
	}
	stored := k.StoredKind()
	sum := sha256.Sum256([]byte(stored.Group + "/" + stored.Version + "/" + stored.Kind))
	return base64.StdEncoding.EncodeToString(sum[:8])
}

// subresourceKind is the kind of a subresource's body; a connection's is that of its options.
func subresourceKind(k *kind.Kind, sub *kind.Subresource) schema.GroupVersionKind {
	if !sub.GroupVersionKind.Empty() {
		return sub.GroupVersionKind
	}
	if sub.Connect != nil {
		switch sub.Name {
		case "exec", "attach", "proxy":
			return k.GroupVersion().WithKind(k.Kind + strings.ToUpper(sub.Name[:1]) + sub.Name[1:] + "Options")
		case "portforward":
			return k.GroupVersion().WithKind(k.Kind + "PortForwardOptions")
		}
	}
	return k.GroupVersionKind
}
