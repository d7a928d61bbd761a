package access

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"taffrail.dev/gateway/kind"
)

// Attributes are what a decision is made of.
type Attributes struct {
	User kind.User
	// Verb is Kubernetes' ("list", "deletecollection"), or for a path the lower-case HTTP method.
	Verb string
	// Namespace is "" for cluster-scoped resources and for all namespaces.
	Namespace                                         string
	APIGroup, APIVersion, Resource, Subresource, Name string
	// Path is asked for where Resource is "".
	Path string
}

// Authorize decides. The reason is for people; an error means that it could not be decided, and is
// taken for a no.
type Authorize func(ctx context.Context, a Attributes) (allowed bool, reason string, err error)

// ForbiddenText is what an unauthorized user reads:
//
//	User "x" cannot list resource "pods" in API group "" in the namespace "y"
func ForbiddenText(a *Attributes) string {
	if a.Resource == "" {
		return fmt.Sprintf("User %q cannot %s path %q", a.User.Name, a.Verb, a.Path)
	}
	resource := a.Resource
	if a.Subresource != "" {
		resource += "/" + a.Subresource
	}
	var b strings.Builder
	fmt.Fprintf(&b, "User %q cannot %s resource %q in API group %q", a.User.Name, a.Verb, resource, a.APIGroup)
	if a.Namespace != "" {
		fmt.Fprintf(&b, " in the namespace %q", a.Namespace)
	} else {
		b.WriteString(" at the cluster scope")
	}
	return b.String()
}

// Forbidden is the answer to an unauthorized request: an *apierrors.StatusError, code 403.
func Forbidden(a *Attributes, reason string) error {
	text := ForbiddenText(a)
	if reason != "" {
		text += ": " + reason
	}
	if a.Resource == "" {
		err := apierrors.NewForbidden(schema.GroupResource{}, "", nil)
		err.ErrStatus.Message = "forbidden: " + text
		err.ErrStatus.Details = &metav1.StatusDetails{}
		return err
	}
	return apierrors.NewForbidden(schema.GroupResource{Group: a.APIGroup, Resource: a.Resource}, a.Name, errors.New(text))
}
