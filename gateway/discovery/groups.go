package discovery

import (
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"taffrail.dev/gateway/kind"
)

// group is an API group with its versions, the preferred one first.
type group struct {
	name     string
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
	for _, k := range kinds {
		if k.Internal {
			continue
		}
		at := slices.IndexFunc(groups, func(g *group) bool { return g.name == k.Group })
		if at < 0 {
			at = len(groups)
			groups = append(groups, &group{name: k.Group})
		}
		groups[at].add(k)
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

// describe encodes what is at /api, /apis and below.
func (s *Server) describe(groups []*group, address string) (err error) {
	list := &metav1.APIGroupList{TypeMeta: meta("APIGroupList", "v1"), Groups: []metav1.APIGroup{}}
	for _, g := range groups {
		root := "/apis/" + g.name
		if g.name == "" {
			root = "/api"
		} else {
			described := apiGroup(g)
			list.Groups = append(list.Groups, *described)
			described.TypeMeta = meta("APIGroup", "v1")
			if s.documents[root], err = newDocument(described); err != nil {
				return err
			}
		}
		for _, v := range g.versions {
			if s.documents[root+"/"+v.Version], err = newDocument(resourceList(v)); err != nil {
				return err
			}
		}
	}
	if s.documents["/apis"], err = newDocument(list); err != nil {
		return err
	}
	core := &metav1.APIVersions{TypeMeta: metav1.TypeMeta{Kind: "APIVersions"}, Versions: []string{"v1"}}
	core.ServerAddressByClientCIDRs = []metav1.ServerAddressByClientCIDR{{ClientCIDR: "0.0.0.0/0", ServerAddress: address}}
	if s.documents["/api"], err = newDocument(core); err != nil {
		return err
	}
	if err := aggregate(s.documents["/api"], groups[:1]); err != nil {
		return err
	}
	return aggregate(s.documents["/apis"], groups[1:])
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
	return []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"}
}

// storageHash changes when the version that objects are stored in does.
func storageHash(k *kind.Kind) string {
	if k.Review != nil {
		return ""
	}
	sum := sha256.Sum256([]byte(k.Group + "/" + k.Version + "/" + k.Kind))
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
