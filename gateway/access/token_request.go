package access

import (
	"context"
	"fmt"
	"net/http"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

const (
	deletionLeeway   = time.Minute
	minTokenLifetime = 10 * time.Minute
	// A token lasts a day at most, whatever was asked for: whoever uses one renews it.
	maxTokenLifetime     = 24 * time.Hour
	defaultTokenLifetime = int64(3600)
	maxTokenSeconds      = int64(1) << 32
)

// CreateToken answers serviceaccounts/token: a kind.CreateFunc. A node may ask only for tokens
// bound to a pod that runs on it under the account.
func (t *Tokens) CreateToken(_ context.Context, r *kind.Request, tx kind.Tx, obj, body kind.Object) (kind.Object, error) {
	account, okAccount := obj.(*corev1.ServiceAccount)
	asked, okAsked := body.(*authenticationv1.TokenRequest)
	if !okAccount || !okAsked {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("want a TokenRequest on a ServiceAccount, have %T on %T", body, obj))
	}
	request := asked.DeepCopy()
	if request.Name == "" {
		request.Name = account.Name
	}
	if request.Namespace == "" {
		request.Namespace = account.Namespace
	}
	defaultTokenRequest(&request.Spec, t.audiences)
	if all := validateTokenRequest(request, account); len(all) > 0 {
		return nil, apierrors.NewInvalid(schema.GroupKind{Group: authenticationv1.GroupName, Kind: "TokenRequest"}, request.Name, all)
	}
	private, pod, err := bind(tx, request.Spec.BoundObjectRef, account)
	if err != nil {
		return nil, err
	}
	if err := nodeMayAsk(&r.User, account, pod); err != nil {
		return nil, err
	}
	lifetime := min(time.Duration(*request.Spec.ExpirationSeconds)*time.Second, maxTokenLifetime)
	token, expiry, err := t.sign(private, request.Spec.Audiences, lifetime)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	*request.Spec.ExpirationSeconds = int64(lifetime / time.Second)
	request.CreationTimestamp = metav1.NewTime(t.now())
	request.Status = authenticationv1.TokenRequestStatus{Token: token, ExpirationTimestamp: metav1.NewTime(expiry)}
	return request, nil
}

func defaultTokenRequest(spec *authenticationv1.TokenRequestSpec, audiences []string) {
	if len(spec.Audiences) == 0 {
		spec.Audiences = audiences
	}
	if spec.ExpirationSeconds == nil {
		seconds := defaultTokenLifetime
		spec.ExpirationSeconds = &seconds
	}
}

func validateTokenRequest(request *authenticationv1.TokenRequest, account *corev1.ServiceAccount) field.ErrorList {
	var all field.ErrorList
	meta, spec := field.NewPath("metadata"), field.NewPath("spec")
	if request.Name != account.Name {
		all = append(all, field.Invalid(meta.Child("name"), request.Name, "must match the service account name"))
	}
	if request.Namespace != account.Namespace {
		all = append(all, field.Invalid(meta.Child("namespace"), request.Namespace, "must match the service account namespace"))
	}
	seconds := *request.Spec.ExpirationSeconds
	if seconds < int64(minTokenLifetime/time.Second) {
		all = append(all, field.Invalid(spec.Child("expirationSeconds"), seconds, "may not specify a duration less than 10 minutes"))
	}
	if seconds > maxTokenSeconds {
		all = append(all, field.Invalid(spec.Child("expirationSeconds"), seconds, "may not specify a duration larger than 2^32 seconds"))
	}
	return all
}

// bind looks up what a token is to be bound to.
func bind(objects kind.Reader, ref *authenticationv1.BoundObjectReference, account *corev1.ServiceAccount) (privateClaims, *corev1.Pod, error) {
	private := privateClaims{Namespace: account.Namespace, ServiceAccount: bound{account.Name, string(account.UID)}}
	if ref == nil {
		return private, nil, nil
	}
	var resource subject.Resource
	var into **bound
	namespace := account.Namespace
	switch (schema.GroupVersionKind{Group: "", Version: ref.APIVersion, Kind: ref.Kind}) {
	case schema.GroupVersionKind{Version: "v1", Kind: "Pod"}:
		resource, into = subject.Pods, &private.Pod
	case schema.GroupVersionKind{Version: "v1", Kind: "Secret"}:
		resource, into = subject.Secrets, &private.Secret
	case schema.GroupVersionKind{Version: "v1", Kind: "Node"}:
		resource, into, namespace = subject.Nodes, &private.Node, ""
	default:
		return private, nil, apierrors.NewBadRequest(fmt.Sprintf("cannot bind token for serviceaccount %q to %s with group-version %q", account.Name, ref.Kind, ref.APIVersion))
	}
	qualified := schema.GroupResource{Resource: resource.Name}
	have, ok := objects.Get(resource, namespace, ref.Name)
	if !ok {
		return private, nil, apierrors.NewNotFound(qualified, ref.Name)
	}
	if err := sameUID(qualified, ref, have.GetUID()); err != nil {
		return private, nil, err
	}
	*into = &bound{ref.Name, string(have.GetUID())}
	pod, isPod := have.(*corev1.Pod)
	if !isPod {
		return private, nil, nil
	}
	if pod.Spec.ServiceAccountName != account.Name {
		return private, nil, apierrors.NewBadRequest(fmt.Sprintf("cannot bind token for serviceaccount %q to pod running with different serviceaccount name.", account.Name))
	}
	if node, ok := objects.Get(subject.Nodes, "", pod.Spec.NodeName); ok {
		private.Node = &bound{pod.Spec.NodeName, string(node.GetUID())}
	} else if pod.Spec.NodeName != "" {
		private.Node = &bound{Name: pod.Spec.NodeName}
	}
	return private, pod, nil
}

func sameUID(r schema.GroupResource, ref *authenticationv1.BoundObjectReference, have types.UID) error {
	if ref.UID == "" || ref.UID == have {
		return nil
	}
	return apierrors.NewConflict(r, ref.Name, fmt.Errorf("the UID in the bound object reference (%s) does not match the UID in record. The object might have been deleted and then recreated", ref.UID))
}

// nodeMayAsk keeps a node to the accounts of its pods.
func nodeMayAsk(user *kind.User, account *corev1.ServiceAccount, pod *corev1.Pod) error {
	node, ok := nodeName(user.Name, user.Groups)
	if !ok {
		return nil
	}
	switch {
	case pod == nil:
		return accountForbidden(account, "node requested token not bound to a pod")
	case pod.Spec.NodeName != node:
		return accountForbidden(account, "node requested token bound to a pod scheduled on a different node")
	}
	return nil
}

func accountForbidden(account *corev1.ServiceAccount, text string) error {
	err := apierrors.NewForbidden(schema.GroupResource{Resource: "serviceaccounts/token"}, account.Name, fmt.Errorf("%s", text))
	err.ErrStatus.Code = http.StatusForbidden
	return err
}
