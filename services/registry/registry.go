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
	"taffrail.dev/services/bootstraptokens"
	"taffrail.dev/services/certificates"
	"taffrail.dev/services/deployment"
	"taffrail.dev/services/dispatcher"
	"taffrail.dev/services/disruption"
	"taffrail.dev/services/dns"
	"taffrail.dev/services/endpoints"
	"taffrail.dev/services/garbage"
	"taffrail.dev/services/namespace"
	"taffrail.dev/services/nodelife"
	"taffrail.dev/services/protection"
	"taffrail.dev/services/replicaset"
	"taffrail.dev/services/roles"
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
	// Signing is the authority with its key, for the service that signs.
	Signing *certificates.Authority
	// Assign is the journal of assignments.
	Assign journal.Journal
}

// Service is one of them.
type Service struct {
	Spec process.Spec
	// Does says in a few words what it is for.
	Does string
	// Controller is set for those that only turn events into commands.
	Controller bool
	// Assigns is set for the one that writes assignments, Vouches for the one that hands out the cluster's
	// authority, Signs for the one that has its key, Listens for the one that answers requests of others than the
	// gateway.
	Assigns, Vouches, Signs, Listens bool
	Run                              func(ctx context.Context, d process.Deps) error
}

// All are the services. Their constructors do nothing.
func All(c Config) []Service {
	return []Service{
		{Spec: scheduler.New(nil).Spec, Does: "binds pods to nodes", Run: func(ctx context.Context, d process.Deps) error {
			return scheduler.New(d.Metrics).Run(ctx, d)
		}},
		controller("rolls deployments out", deployment.New()),
		controller("keeps as many pods as replica sets say", replicaset.New()),
		controller("tells which pods are behind a service", endpoints.New()),
		controller("counts what disruption budgets can spare", disruption.New()),
		controller("holds volumes and claims while they are in use", protection.New()),
		controller("empties namespaces that end", namespace.New(c.Resources)),
		controller("deletes what lost its owner", garbage.New(c.Resources)),
		vouching(controller("gives every namespace its service account", serviceaccount.New(string(c.Authority)))),
		signing(controller("approves, signs and cleans up requests for certificates", certificates.New(c.Signing))),
		controller("writes the rules of roles made of others", roles.New()),
		controller("deletes bootstrap tokens that have expired", bootstraptokens.New()),
		controller("watches nodes' heartbeats, evicts, gives out address ranges", nodelife.New(nodelife.Config{Pods: c.Pods})),
		{Spec: dispatcher.Spec(), Does: "tells nodes what they have to know", Assigns: true, Run: func(ctx context.Context, d process.Deps) error {
			return dispatcher.New(d, c.Assign, uuid.NewString).Run(ctx)
		}},
		{Spec: dns.Spec(), Does: "answers the names of services and pods", Listens: true, Run: func(ctx context.Context, d process.Deps) error {
			return dns.New(c.DNS).Run(ctx, d)
		}},
	}
}

func controller(does string, c *process.Controller) Service {
	return Service{Spec: c.Spec, Does: does, Controller: true, Run: c.Run}
}

func signing(s Service) Service {
	s.Signs = true
	return s
}

func vouching(s Service) Service {
	s.Vouches = true
	return s
}
