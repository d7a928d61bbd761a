package rest

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"taffrail.dev/gateway/kind"
)

var metadataPath = field.NewPath("metadata")

// validateNew checks an object to be created.
func validateNew(c *Call, obj kind.Object) error {
	k := c.served
	rule := k.NameRule
	if rule == nil {
		rule = apivalidation.NameIsDNSSubdomain
	}
	faults := apivalidation.ValidateObjectMetaAccessor(obj, k.Namespaced, rule, metadataPath)
	if k.Validate != nil {
		faults = append(faults, k.Validate(obj, nil)...)
	}
	return invalid(c, obj.GetName(), faults)
}

// validateChange checks an object to replace old.
func validateChange(c *Call, obj, old kind.Object) error {
	faults := apivalidation.ValidateObjectMetaAccessorUpdate(obj, old, metadataPath)
	check := c.served.Validate
	if c.sub != nil {
		check = c.sub.Validate
	}
	if check != nil {
		faults = append(faults, check(obj, old)...)
	}
	return invalid(c, obj.GetName(), faults)
}

func invalid(c *Call, name string, faults field.ErrorList) error {
	if len(faults) == 0 {
		return nil
	}
	return apierrors.NewInvalid(c.served.gvk.GroupKind(), name, faults)
}

// keep gives an update of old the metadata that no client may change.
func keep(obj, old kind.Object) {
	if obj.GetUID() == "" {
		obj.SetUID(old.GetUID())
	}
	obj.SetCreationTimestamp(old.GetCreationTimestamp())
	obj.SetGeneration(old.GetGeneration())
	obj.SetSelfLink("")
	// A deletion cannot be taken back, nor asked for by an update.
	obj.SetDeletionTimestamp(old.GetDeletionTimestamp())
	obj.SetDeletionGracePeriodSeconds(old.GetDeletionGracePeriodSeconds())
	if obj.GetGenerateName() == "" {
		obj.SetGenerateName(old.GetGenerateName())
	}
}

// sameObject checks an update's name and namespace against the path's, and its uid.
func (c *Call) sameObject(obj, old kind.Object) error {
	if obj.GetName() != c.Name {
		if obj.GetName() == "" {
			obj.SetName(c.Name)
		} else {
			return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", obj.GetName(), c.Name))
		}
	}
	if err := c.placed(obj); err != nil {
		return err
	}
	if old != nil && obj.GetUID() != "" && obj.GetUID() != old.GetUID() {
		return apierrors.NewConflict(c.served.gr, c.Name, fmt.Errorf("Precondition failed: UID in precondition: %v, UID in object meta: %v", obj.GetUID(), old.GetUID()))
	}
	return nil
}
