package kind

import (
	"fmt"

	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func csiNodeKind() *Kind {
	type node = storagev1.CSINode
	return &Kind{
		GroupVersionKind: gvk("storage.k8s.io", "v1", "CSINode"), Resource: "csinodes",
		New:          func() Object { return new(node) },
		NewList:      func() runtime.Object { return new(storagev1.CSINodeList) },
		Prepare:      keepsStatus(func(n *node) *storagev1.CSINodeStatus { return &n.Status }),
		Validate:     validates(validateCSINode),
		Columns:      []Column{number("Drivers", func(n *node) int { return len(n.Spec.Drivers) })},
		Subresources: []Subresource{status(func(n, old *node) { n.Spec = old.Spec }, nil)},
	}
}

const maxCSINodeID = 256

func validateCSINode(n, old *storagev1.CSINode) (errs field.ErrorList) {
	drivers := specPath.Child("drivers")
	names := make(map[string]bool, len(n.Spec.Drivers))
	for i := range n.Spec.Drivers {
		d, at := &n.Spec.Drivers[i], drivers.Index(i)
		errs = append(errs, validateNodeDriver(d, at)...)
		if names[d.Name] {
			errs = append(errs, field.Duplicate(at.Child("name"), d.Name))
		}
		names[d.Name] = true
	}
	if old == nil {
		return errs
	}
	for _, was := range old.Spec.Drivers {
		for _, now := range n.Spec.Drivers {
			if now.Name == was.Name {
				now.Allocatable, was.Allocatable = nil, nil
				errs = append(errs, immutable(now, was, drivers)...)
			}
		}
	}
	return errs
}

func validateNodeDriver(d *storagev1.CSINodeDriver, p *field.Path) (errs field.ErrorList) {
	errs = validateDriverName(d.Name, p.Child("name"))
	switch at := p.Child("nodeID"); {
	case d.NodeID == "":
		errs = append(errs, field.Required(at, ""))
	case len(d.NodeID) > maxCSINodeID:
		errs = append(errs, field.Invalid(at, d.NodeID, fmt.Sprintf("must be %d characters or less", maxCSINodeID)))
	}
	if d.Allocatable != nil {
		errs = append(errs, atLeastZero(value(d.Allocatable.Count), p.Child("allocatable", "count"))...)
	}
	keys := make(map[string]bool, len(d.TopologyKeys))
	for _, k := range d.TopologyKeys {
		if k == "" {
			errs = append(errs, field.Required(p, ""))
		}
		if keys[k] {
			errs = append(errs, field.Duplicate(p, k))
		}
		keys[k] = true
		errs = append(errs, invalids(p, k, qualifiedName(k))...)
	}
	return errs
}
