package admission

import "taffrail.dev/events/subject"

// The resources that the plugins read, beside those of subject.
var (
	limitRanges    = subject.Resource{Name: "limitranges"}
	resourceQuotas = subject.Resource{Name: "resourcequotas"}
	volumeClaims   = subject.Resource{Name: "persistentvolumeclaims"}
	storageClasses = subject.Resource{Group: "storage.k8s.io", Name: "storageclasses"}
	runtimeClasses = subject.Resource{Group: "node.k8s.io", Name: "runtimeclasses"}
	ingressClasses = subject.Resource{Group: "networking.k8s.io", Name: "ingressclasses"}
)
