// Package registry is the list of Taffrail's services: what each declares, and how it is
// started. Permissions, roles and the dataflow graph are made from it.
package registry

import (
	"context"
	"net/netip"

	"github.com/google/uuid"

	"taffrail.dev/events/journal"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	"taffrail.dev/services/deployment"
	"taffrail.dev/services/dispatcher"
	"taffrail.dev/services/dns"
	"taffrail.dev/services/endpoints"
	"taffrail.dev/services/garbage"
	"taffrail.dev/services/namespace"
	"taffrail.dev/services/nodelife"
	"taffrail.dev/services/replicaset"
	"taffrail.dev/services/scheduler"
	"taffrail.dev/services/serviceaccount"
)

// Config is what the services go by.
type Config struct {
	// Pods is the range of all pod addresses.
	Pods netip.Prefix
	// Authority is the cluster's certificate authority, PEM.
	Authority []byte
	// Resources are all that there are, for those that follow every kind.
	Resources []subject.Resource
	// DNS is the name server's; an empty Listen leaves it out.
	DNS dns.Config
	// Assign is the journal of assignments.
	Assign journal.Journal
}

// Service is one of them.
type Service struct {
	Spec process.Spec
	// Assigns is set for the one that writes assignments.
	Assigns bool
	Run     func(ctx context.Context, d process.Deps) error
}

// All are the services. Their constructors do nothing.
func All(c Config) []Service {
	return []Service{
		{Spec: scheduler.New(nil).Spec, Run: func(ctx context.Context, d process.Deps) error { return scheduler.New(d.Metrics).Run(ctx, d) }},
		controller(deployment.New()),
		controller(replicaset.New()),
		controller(endpoints.New()),
		controller(namespace.New(c.Resources)),
		controller(garbage.New(c.Resources)),
		controller(serviceaccount.New(string(c.Authority))),
		controller(nodelife.New(nodelife.Config{Pods: c.Pods})),
		{Spec: dispatcher.Spec(), Assigns: true, Run: func(ctx context.Context, d process.Deps) error {
			return dispatcher.New(d, c.Assign, uuid.NewString).Run(ctx)
		}},
		{Spec: dns.Spec(), Run: func(ctx context.Context, d process.Deps) error { return dns.New(c.DNS).Run(ctx, d) }},
	}
}

func controller(c *process.Controller) Service { return Service{Spec: c.Spec, Run: c.Run} }
