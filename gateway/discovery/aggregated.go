package discovery

import (
	"encoding/json"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	apidiscoveryv2beta1 "k8s.io/api/apidiscovery/v2beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"taffrail.dev/gateway/kind"
)

// aggregate adds the forms in which groups are told with all their resources at once.
func aggregate(d *document, groups []*group) error {
	list := &apidiscoveryv2.APIGroupDiscoveryList{TypeMeta: meta("APIGroupDiscoveryList", "apidiscovery.k8s.io/v2")}
	for _, g := range groups {
		item := apidiscoveryv2.APIGroupDiscovery{ObjectMeta: metav1.ObjectMeta{Name: g.name}}
		for _, v := range g.versions {
			item.Versions = append(item.Versions, aggregatedVersion(v))
		}
		list.Items = append(list.Items, item)
	}
	if err := d.aggregate("v2", list); err != nil {
		return err
	}
	beta, err := betaList(list)
	if err != nil {
		return err
	}
	return d.aggregate("v2beta1", beta)
}

// betaList is list in v2beta1, which differs in its name alone.
func betaList(list *apidiscoveryv2.APIGroupDiscoveryList) (*apidiscoveryv2beta1.APIGroupDiscoveryList, error) {
	body, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	beta := &apidiscoveryv2beta1.APIGroupDiscoveryList{}
	if err := json.Unmarshal(body, beta); err != nil {
		return nil, err
	}
	beta.TypeMeta = meta("APIGroupDiscoveryList", "apidiscovery.k8s.io/v2beta1")
	return beta, nil
}

func aggregatedVersion(v version) apidiscoveryv2.APIVersionDiscovery {
	described := apidiscoveryv2.APIVersionDiscovery{Version: v.Version, Freshness: apidiscoveryv2.DiscoveryFreshnessCurrent}
	for _, k := range v.kinds {
		scope := apidiscoveryv2.ScopeCluster
		if k.Namespaced {
			scope = apidiscoveryv2.ScopeNamespace
		}
		described.Resources = append(described.Resources, apidiscoveryv2.APIResourceDiscovery{
			Resource: k.Resource, ResponseKind: responseKind(k.GroupVersionKind), Scope: scope, SingularResource: singular(k),
			Verbs: verbs(k), ShortNames: k.ShortNames, Categories: k.Categories, Subresources: aggregatedSubresources(k),
		})
	}
	return described
}

func aggregatedSubresources(k *kind.Kind) []apidiscoveryv2.APISubresourceDiscovery {
	var all []apidiscoveryv2.APISubresourceDiscovery
	for i := range k.Subresources {
		sub := &k.Subresources[i]
		all = append(all, apidiscoveryv2.APISubresourceDiscovery{
			Subresource: sub.Name, ResponseKind: responseKind(subresourceKind(k, sub)), Verbs: sub.Verbs,
		})
	}
	return all
}

func responseKind(gvk schema.GroupVersionKind) *metav1.GroupVersionKind {
	return &metav1.GroupVersionKind{Group: gvk.Group, Version: gvk.Version, Kind: gvk.Kind}
}
