package gateway

import (
	"context"
	"fmt"
	"reflect"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"taffrail.dev/events/command"
	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
	"taffrail.dev/gateway/rest"
)

// bootstrapper is who makes what every cluster has.
var bootstrapper = kind.User{Name: "system:taffrail:bootstrap", Groups: []string{"system:masters", "system:authenticated"}}

// Ensure creates the objects that the cluster lacks, in their order. Roles and bindings, and objects of the kinds
// that `replace` names, are brought to what is given if they differ; others are left as they are, and so
// are the rules of roles that are made of others.
func (g *Gateway) Ensure(ctx context.Context, objects []kind.Object, replace ...subject.Resource) error {
	replaced := map[subject.Resource]bool{subject.ClusterRoles: true, subject.ClusterRoleBindings: true}
	for _, r := range replace {
		replaced[r] = true
	}
	for _, obj := range objects {
		k := g.kindOf(obj)
		if k == nil {
			return fmt.Errorf("ensure %T %s: no such kind", obj, obj.GetName())
		}
		err := g.write(ctx, k, obj, "create")
		if apierrors.IsAlreadyExists(err) {
			err = nil
			if replaced[k.SubjectResource()] {
				err = g.write(ctx, k, g.aggregated(obj), "update")
			}
		}
		if err != nil {
			return fmt.Errorf("ensure %s %s: %w", k.Resource, obj.GetName(), err)
		}
	}
	return nil
}

// aggregated is an object with what is there already of a field that is the service roles'.
func (g *Gateway) aggregated(obj kind.Object) kind.Object {
	role, ok := obj.(*rbacv1.ClusterRole)
	if !ok || role.AggregationRule == nil {
		return obj
	}
	if have, ok := g.view.Get(subject.ClusterRoles, "", role.Name); ok {
		role = role.DeepCopy()
		role.Rules = have.(*rbacv1.ClusterRole).Rules
	}
	return role
}

func (g *Gateway) kindOf(obj kind.Object) *kind.Kind {
	for _, k := range g.kinds {
		if reflect.TypeOf(k.New()) == reflect.TypeOf(obj) {
			return k
		}
	}
	return nil
}

func (g *Gateway) write(ctx context.Context, k *kind.Kind, obj kind.Object, verb string) error {
	return g.writeOn(ctx, k, obj, verb, "")
}

func (g *Gateway) writeOn(ctx context.Context, k *kind.Kind, obj kind.Object, verb, subresource string) error {
	body, err := obj.Marshal()
	if err != nil {
		return err
	}
	call := &rest.Call{Body: body, ContentType: command.Protobuf, Reason: "every cluster has it"}
	call.User, call.Verb, call.Own = bootstrapper, verb, true
	key := subject.Object{Resource: k.SubjectResource(), Namespace: obj.GetNamespace(), Name: obj.GetName()}
	if err := g.rest.Resolve(call, key, k.Version, subresource); err != nil {
		return err
	}
	reply, err := g.rest.Do(kind.WithUser(ctx, bootstrapper), call)
	if err != nil {
		return err
	}
	// What comes next may build on it: a service needs its range.
	return g.view.Table(k.SubjectResource()).WaitFor(ctx, reply.Sequence)
}
