// Package subject names things on the bus: streams, resources, objects, and the
// NATS subjects made of them. Subjects are built and parsed here and nowhere else.
package subject

// Stream is a JetStream stream of Taffrail's.
type Stream string

// The streams. An object's resourceVersion is its sequence on its kind's stream.
const (
	// State holds every durable API object's events, in one total order.
	State Stream = "STATE"
	// Leases holds heartbeats and leader locks: a high rate, a short retention.
	Leases Stream = "LEASES"
	// Events holds Kubernetes Event objects, kept for days.
	Events Stream = "EVENTS"
	// Assign tells nodes what they have to know; derived, last value per subject.
	Assign Stream = "ASSIGN"
	// Audit holds refusals and checkpoints; never purged.
	Audit Stream = "AUDIT"
)

// Resource is an API resource: a group ("" is core) and a plural name.
type Resource struct{ Group, Name string }

// String is the resource as kubectl writes it: "pods", "deployments.apps".
func (r Resource) String() string {
	if r.Group == "" {
		return r.Name
	}
	return r.Name + "." + r.Group
}

// Object names one API object. Namespace is "" for cluster-scoped objects.
type Object struct {
	Resource
	Namespace, Name string
}

// String is "pods/default/web" or "nodes/worker-1".
func (o Object) String() string {
	if o.Namespace == "" {
		return o.Resource.String() + "/" + o.Name
	}
	return o.Resource.String() + "/" + o.Namespace + "/" + o.Name
}

// The built-in resources that services name.
var (
	Namespaces          = Resource{"", "namespaces"}
	Nodes               = Resource{"", "nodes"}
	Pods                = Resource{"", "pods"}
	Services            = Resource{"", "services"}
	Endpoints           = Resource{"", "endpoints"}
	ConfigMaps          = Resource{"", "configmaps"}
	Secrets             = Resource{"", "secrets"}
	ServiceAccounts     = Resource{"", "serviceaccounts"}
	CoreEvents          = Resource{"", "events"}
	Deployments         = Resource{"apps", "deployments"}
	ReplicaSets         = Resource{"apps", "replicasets"}
	EndpointSlices      = Resource{"discovery.k8s.io", "endpointslices"}
	CoordinationLeases  = Resource{"coordination.k8s.io", "leases"}
	IPAddresses         = Resource{"networking.k8s.io", "ipaddresses"}
	ServiceCIDRs        = Resource{"networking.k8s.io", "servicecidrs"}
	Roles               = Resource{"rbac.authorization.k8s.io", "roles"}
	RoleBindings        = Resource{"rbac.authorization.k8s.io", "rolebindings"}
	ClusterRoles        = Resource{"rbac.authorization.k8s.io", "clusterroles"}
	ClusterRoleBindings = Resource{"rbac.authorization.k8s.io", "clusterrolebindings"}
	PriorityClasses     = Resource{"scheduling.k8s.io", "priorityclasses"}
)

// Every stands for all resources on STATE, those among them that users define while others read.
var Every = Resource{"*", "*"}

// In says whether a resource is one of those read.
func (r Resource) In(read map[Resource]struct{}) bool {
	if _, ok := read[r]; ok {
		return true
	}
	_, every := read[Every]
	return every && StreamOf(r) == State
}

// StreamOf is the stream that a resource's objects live on.
func StreamOf(r Resource) Stream {
	switch r {
	case CoordinationLeases:
		return Leases
	case CoreEvents, Resource{"events.k8s.io", "events"}:
		return Events
	}
	return State
}
