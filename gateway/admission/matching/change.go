package matching

import (
	"errors"
	"fmt"
	"reflect"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	kjson "sigs.k8s.io/json"

	"taffrail.dev/gateway/kind"
)

// Replace makes the object what a webhook or a policy made of it, as JSON, defaulted. changed says whether it is
// another now. What names the object cannot be changed.
func (a *Asked) Replace(text []byte) (changed bool, err error) {
	body := a.body()
	if err := kjson.UnmarshalCaseSensitivePreserveInts(text, body); err != nil {
		return false, err
	}
	if got := body.GetObjectKind().GroupVersionKind(); got != a.Kind {
		return false, fmt.Errorf("the object became a %v", got)
	}
	body.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	before := a.object.(kind.Object)
	if body.GetName() != before.GetName() || body.GetNamespace() != before.GetNamespace() || body.GetUID() != before.GetUID() {
		return false, errors.New("the object's name, namespace or uid was changed")
	}
	keepSystemMeta(body, before)
	if managedfields.ValidateManagedFields(body.GetManagedFields()) != nil {
		body.SetManagedFields(before.GetManagedFields())
	}
	shown := a.sub != nil && a.sub.Read != nil
	if own := a.sub == nil || a.sub.New == nil; own && a.Request.Kind.Default != nil {
		a.Request.Kind.Default(body)
	}
	if equality.Semantic.DeepEqual(before, body) {
		return false, nil
	}
	if shown {
		if err := a.sub.Write(a.parent, body); err != nil {
			return false, err
		}
		a.object = a.sub.Read(a.parent)
	} else {
		reflect.ValueOf(a.parent).Elem().Set(reflect.ValueOf(body).Elem())
		a.object = a.parent
	}
	a.objectText, a.objectMap = nil, nil
	return true, nil
}

// keepSystemMeta keeps what only the gateway sets, as it does against clients.
func keepSystemMeta(obj, before kind.Object) {
	obj.SetGeneration(before.GetGeneration())
	obj.SetCreationTimestamp(before.GetCreationTimestamp())
	obj.SetDeletionTimestamp(before.GetDeletionTimestamp())
	obj.SetDeletionGracePeriodSeconds(before.GetDeletionGracePeriodSeconds())
	obj.SetResourceVersion(before.GetResourceVersion())
	obj.SetSelfLink(before.GetSelfLink())
}
