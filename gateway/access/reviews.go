package access

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"taffrail.dev/gateway/kind"
)

// Reviews answer the virtual kinds of authentication.k8s.io and authorization.k8s.io: its methods
// are kind.ReviewFuncs.
type Reviews struct {
	Tokens     *Tokens
	Authorizer *Authorizer
}

func wrongBody(obj kind.Object) error {
	return apierrors.NewBadRequest(fmt.Sprintf("unexpected %T", obj))
}

// Token answers a TokenReview.
func (v *Reviews) Token(_ context.Context, _ *kind.Request, obj kind.Object) (kind.Object, error) {
	asked, ok := obj.(*authenticationv1.TokenReview)
	if !ok {
		return nil, wrongBody(obj)
	}
	if asked.Spec.Token == "" {
		return nil, apierrors.NewBadRequest("token is required for TokenReview in authentication")
	}
	review := asked.DeepCopy()
	user, audiences, err := v.Tokens.Authenticate(review.Spec.Token, review.Spec.Audiences)
	review.Status = authenticationv1.TokenReviewStatus{}
	if err != nil {
		review.Status.Error = err.Error()
		return review, nil
	}
	review.Status.Authenticated, review.Status.Audiences, review.Status.User = true, audiences, userInfo(&user)
	return review, nil
}

// SelfSubject answers a SelfSubjectReview: who am I?
func (v *Reviews) SelfSubject(_ context.Context, r *kind.Request, obj kind.Object) (kind.Object, error) {
	asked, ok := obj.(*authenticationv1.SelfSubjectReview)
	if !ok {
		return nil, wrongBody(obj)
	}
	review := asked.DeepCopy()
	review.CreationTimestamp = metav1.NewTime(r.Now)
	review.Status.UserInfo = userInfo(&r.User)
	return review, nil
}

func userInfo(u *kind.User) authenticationv1.UserInfo {
	info := authenticationv1.UserInfo{Username: u.Name, UID: u.UID, Groups: u.Groups}
	for key, values := range u.Extra {
		if info.Extra == nil {
			info.Extra = map[string]authenticationv1.ExtraValue{}
		}
		info.Extra[key] = values
	}
	return info
}

// SubjectAccess answers a SubjectAccessReview.
func (v *Reviews) SubjectAccess(ctx context.Context, _ *kind.Request, obj kind.Object) (kind.Object, error) {
	asked, ok := obj.(*authorizationv1.SubjectAccessReview)
	if !ok {
		return nil, wrongBody(obj)
	}
	review := asked.DeepCopy()
	if err := validateAccess("SubjectAccessReview", &review.Spec, true); err != nil {
		return nil, err
	}
	review.Status = v.access(ctx, subjectOf(&review.Spec), review.Spec.ResourceAttributes, review.Spec.NonResourceAttributes)
	return review, nil
}

// LocalSubjectAccess answers a LocalSubjectAccessReview.
func (v *Reviews) LocalSubjectAccess(ctx context.Context, r *kind.Request, obj kind.Object) (kind.Object, error) {
	asked, ok := obj.(*authorizationv1.LocalSubjectAccessReview)
	if !ok {
		return nil, wrongBody(obj)
	}
	review := asked.DeepCopy()
	if err := validateAccess("LocalSubjectAccessReview", &review.Spec, true); err != nil {
		return nil, err
	}
	if review.Spec.ResourceAttributes == nil || review.Spec.ResourceAttributes.Namespace != r.Namespace {
		return nil, apierrors.NewBadRequest("spec.resourceAttributes.namespace must match namespace: " + r.Namespace)
	}
	review.Status = v.access(ctx, subjectOf(&review.Spec), review.Spec.ResourceAttributes, nil)
	return review, nil
}

// SelfSubjectAccess answers a SelfSubjectAccessReview: may I?
func (v *Reviews) SelfSubjectAccess(ctx context.Context, r *kind.Request, obj kind.Object) (kind.Object, error) {
	asked, ok := obj.(*authorizationv1.SelfSubjectAccessReview)
	if !ok {
		return nil, wrongBody(obj)
	}
	review := asked.DeepCopy()
	spec := authorizationv1.SubjectAccessReviewSpec{
		ResourceAttributes: review.Spec.ResourceAttributes, NonResourceAttributes: review.Spec.NonResourceAttributes,
	}
	if err := validateAccess("SelfSubjectAccessReview", &spec, false); err != nil {
		return nil, err
	}
	review.Status = v.access(ctx, r.User, spec.ResourceAttributes, spec.NonResourceAttributes)
	return review, nil
}

func validateAccess(name string, spec *authorizationv1.SubjectAccessReviewSpec, named bool) error {
	var all field.ErrorList
	path := field.NewPath("spec")
	switch {
	case spec.ResourceAttributes != nil && spec.NonResourceAttributes != nil:
		all = append(all, field.Invalid(path.Child("nonResourceAttributes"), spec.NonResourceAttributes, "cannot be specified in combination with resourceAttributes"))
	case spec.ResourceAttributes == nil && spec.NonResourceAttributes == nil:
		all = append(all, field.Invalid(path.Child("resourceAttributes"), spec.NonResourceAttributes, "exactly one of nonResourceAttributes or resourceAttributes must be specified"))
	}
	if named && spec.User == "" && len(spec.Groups) == 0 {
		all = append(all, field.Invalid(path.Child("user"), spec.User, "at least one of user or group must be specified"))
	}
	if len(all) == 0 {
		return nil
	}
	return apierrors.NewInvalid(schema.GroupKind{Group: authorizationv1.GroupName, Kind: name}, "", all)
}

func subjectOf(spec *authorizationv1.SubjectAccessReviewSpec) kind.User {
	user := kind.User{Name: spec.User, UID: spec.UID, Groups: spec.Groups}
	for key, values := range spec.Extra {
		if user.Extra == nil {
			user.Extra = map[string][]string{}
		}
		user.Extra[key] = values
	}
	return user
}

func (v *Reviews) access(ctx context.Context, user kind.User, resource *authorizationv1.ResourceAttributes, path *authorizationv1.NonResourceAttributes) (status authorizationv1.SubjectAccessReviewStatus) {
	at := Attributes{User: user}
	if resource != nil {
		at.Verb, at.Namespace, at.Name = resource.Verb, resource.Namespace, resource.Name
		at.APIGroup, at.APIVersion, at.Resource, at.Subresource = resource.Group, resource.Version, resource.Resource, resource.Subresource
	} else {
		at.Verb, at.Path = path.Verb, path.Path
	}
	var err error
	status.Allowed, status.Reason, err = v.Authorizer.Authorize(ctx, at)
	if err != nil {
		status.EvaluationError = err.Error()
	}
	return status
}

// SelfSubjectRules answers a SelfSubjectRulesReview: all that I may in a namespace.
func (v *Reviews) SelfSubjectRules(_ context.Context, r *kind.Request, obj kind.Object) (kind.Object, error) {
	asked, ok := obj.(*authorizationv1.SelfSubjectRulesReview)
	if !ok {
		return nil, wrongBody(obj)
	}
	if asked.Spec.Namespace == "" {
		return nil, apierrors.NewBadRequest("no namespace on request")
	}
	review := asked.DeepCopy()
	review.Status = authorizationv1.SubjectRulesReviewStatus{
		ResourceRules: []authorizationv1.ResourceRule{}, NonResourceRules: []authorizationv1.NonResourceRule{},
	}
	for _, p := range v.Authorizer.Rules(&r.User, asked.Spec.Namespace) {
		if len(p.NonResourceURLs) > 0 {
			review.Status.NonResourceRules = append(review.Status.NonResourceRules, authorizationv1.NonResourceRule{Verbs: p.Verbs, NonResourceURLs: p.NonResourceURLs})
			continue
		}
		review.Status.ResourceRules = append(review.Status.ResourceRules, authorizationv1.ResourceRule{
			Verbs: p.Verbs, APIGroups: p.APIGroups, Resources: p.Resources, ResourceNames: p.ResourceNames,
		})
	}
	return review, nil
}
