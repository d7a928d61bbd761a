package matching

import (
	"context"

	"github.com/google/cel-go/common/types/ref"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/cel/library"

	"taffrail.dev/gateway/access"
	"taffrail.dev/gateway/kind"
)

// asking is the authorizer as the library calls it.
type asking struct{ authorize access.Authorize }

func (a asking) Authorize(ctx context.Context, q authorizer.Attributes) (authorizer.Decision, string, error) {
	u := q.GetUser()
	asked := access.Attributes{
		User: kind.User{Name: u.GetName(), UID: u.GetUID(), Groups: u.GetGroups(), Extra: u.GetExtra()}, Verb: q.GetVerb(),
		Namespace: q.GetNamespace(), APIGroup: q.GetAPIGroup(), APIVersion: q.GetAPIVersion(), Resource: q.GetResource(),
		Subresource: q.GetSubresource(), Name: q.GetName(), Path: q.GetPath(),
	}
	allowed, reason, err := a.authorize(ctx, asked)
	switch {
	case err != nil:
		return authorizer.DecisionDeny, reason, err
	case allowed:
		return authorizer.DecisionAllow, reason, nil
	}
	return authorizer.DecisionNoOpinion, reason, nil
}

// resource is the request's, for authorizer.requestResource.
type resource struct{ *kind.Request }

func (r resource) GetName() string        { return r.Name }
func (r resource) GetNamespace() string   { return r.Namespace }
func (r resource) GetSubresource() string { return r.Subresource }

func (r resource) GetResource() schema.GroupVersionResource { return r.Kind.GroupVersionResource() }

// Authorizers are the values of authorizer and authorizer.requestResource for a request.
func Authorizers(r *kind.Request, authorize access.Authorize) (all, own ref.Val) {
	who := &user.DefaultInfo{Name: r.User.Name, UID: r.User.UID, Groups: r.User.Groups, Extra: r.User.Extra}
	a := asking{authorize}
	return library.NewAuthorizerVal(who, a), library.NewResourceAuthorizerVal(who, a, resource{r})
}
