package kind

import (
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func csiStorageCapacityKind() *Kind {
	type capacity = storagev1.CSIStorageCapacity
	return &Kind{
		GroupVersionKind: gvk("storage.k8s.io", "v1", "CSIStorageCapacity"), Resource: "csistoragecapacities", Namespaced: true,
		New:      func() Object { return new(capacity) },
		NewList:  func() runtime.Object { return new(storagev1.CSIStorageCapacityList) },
		Validate: validates(validateStorageCapacity),
		Columns: []Column{
			text("StorageClassName", func(c *capacity) string { return c.StorageClassName }),
			text("Capacity", func(c *capacity) string {
				if c.Capacity == nil {
					return "<unset>"
				}
				return c.Capacity.String()
			}),
		},
		Ageless: true,
	}
}

func validateStorageCapacity(c, old *storagev1.CSIStorageCapacity) (errs field.ErrorList) {
	topology, class := field.NewPath("nodeTopology"), field.NewPath("storageClassName")
	if old != nil {
		errs = immutable(c.NodeTopology, old.NodeTopology, topology)
		return append(errs, immutable(c.StorageClassName, old.StorageClassName, class)...)
	}
	errs = validateSelector(c.NodeTopology, topology)
	errs = append(errs, invalids(class, c.StorageClassName, subdomain(c.StorageClassName))...)
	if q := c.Capacity; q != nil && q.Sign() < 0 {
		errs = append(errs, field.Invalid(field.NewPath("capacity"), q.String(), "must be greater than or equal to 0"))
	}
	return errs
}
