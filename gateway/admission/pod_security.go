package admission

import (
	"context"
	"errors"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	podsecurity "k8s.io/pod-security-admission/admission"
	configuration "k8s.io/pod-security-admission/admission/api"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/metrics"
	"k8s.io/pod-security-admission/policy"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// PodSecurity holds pods to the standards that their namespace's labels name. Make one with NewPodSecurity.
type PodSecurity struct{ standards *podsecurity.Admission }

var _ Validator = PodSecurity{}

// NewPodSecurity is the plugin; a namespace without labels allows everything.
func NewPodSecurity() PodSecurity {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks(), nil)
	if err != nil { // the library's own checks
		panic(err)
	}
	everything := string(api.LevelPrivileged)
	a := &podsecurity.Admission{
		Evaluator: evaluator, Metrics: unmeasured{}, NamespaceGetter: viewed{}, PodLister: viewed{},
		Configuration: &configuration.PodSecurityConfiguration{Defaults: configuration.PodSecurityDefaults{
			Enforce: everything, EnforceVersion: api.VersionLatest, Audit: everything, AuditVersion: api.VersionLatest,
			Warn: everything, WarnVersion: api.VersionLatest,
		}},
	}
	if err := a.CompleteConfiguration(); err != nil {
		panic(err)
	}
	return PodSecurity{a}
}

// Name is the plugin's.
func (PodSecurity) Name() string { return "PodSecurity" }

// Admit does nothing: what counts is the pod as it is to be stored.
func (PodSecurity) Admit(context.Context, *kind.Request, kind.Object, kind.Object) error { return nil }

// Validate refuses, warns of and notes what the standards do not allow.
func (p PodSecurity) Validate(ctx context.Context, q *kind.Request, obj, old kind.Object) error {
	if obj == nil || q.Subresource != "" && q.Subresource != "ephemeralcontainers" && q.Subresource != "resize" || !hasStandards(q) {
		return nil
	}
	asked := &api.AttributesRecord{
		Name: q.Name, Namespace: q.Namespace, Kind: q.Kind.GroupVersionKind, Resource: q.Kind.GroupVersionResource(),
		Subresource: q.Subresource, Operation: admissionv1.Create, Object: obj, Username: q.User.Name,
	}
	if old != nil {
		asked.Operation, asked.OldObject = admissionv1.Update, runtime.Object(old)
	}
	answer := p.standards.Validate(context.WithValue(ctx, viewedKey{}, q), asked)
	for _, text := range answer.Warnings {
		if q.Warn != nil {
			q.Warn(text)
		}
	}
	for key, value := range answer.AuditAnnotations {
		q.Annotate(api.AuditAnnotationPrefix+key, value)
	}
	if answer.Allowed {
		return nil
	}
	return disallowed(q, answer)
}

func disallowed(q *kind.Request, answer *admissionv1.AdmissionResponse) error {
	err := refuse(q, "%w", errors.New("Not allowed by PodSecurity"))
	if r := answer.Result; r != nil {
		if r.Message != "" {
			err.ErrStatus.Message = r.Message
		}
		if r.Reason != "" {
			err.ErrStatus.Reason = r.Reason
		}
		if r.Details != nil {
			err.ErrStatus.Details = r.Details
		}
		if r.Code != 0 {
			err.ErrStatus.Code = r.Code
		}
	}
	return err
}

// hasStandards says whether a write is about pods, what makes pods, or a namespace.
func hasStandards(q *kind.Request) bool {
	r := q.Kind.GroupVersionResource().GroupResource()
	return q.Kind.SubjectResource() == subject.Namespaces || podsecurity.DefaultPodSpecExtractor{}.HasPodSpec(r)
}

type viewedKey struct{}

// viewed are the namespaces and pods that the request's Reader has.
type viewed struct{}

// GetNamespace is a namespace.
func (viewed) GetNamespace(ctx context.Context, name string) (*corev1.Namespace, error) {
	q := ctx.Value(viewedKey{}).(*kind.Request)
	obj, _, err := find(ctx, q, subject.Namespaces, "", name)
	if err != nil {
		return nil, err
	}
	if namespace, ok := obj.(*corev1.Namespace); ok {
		return namespace, nil
	}
	return nil, apierrors.NewNotFound(corev1.Resource("namespaces"), name)
}

// ListPods are a namespace's pods.
func (viewed) ListPods(ctx context.Context, namespace string) (pods []*corev1.Pod, err error) {
	for _, obj := range ctx.Value(viewedKey{}).(*kind.Request).Reader.List(subject.Pods, namespace) {
		if pod, ok := obj.(*corev1.Pod); ok {
			pods = append(pods, pod)
		}
	}
	return pods, nil
}

// unmeasured counts nothing: refusals are counted by rest, and are on the journal.
type unmeasured struct{}

func (unmeasured) RecordEvaluation(metrics.Decision, api.LevelVersion, metrics.Mode, api.Attributes) {
}
func (unmeasured) RecordExemption(api.Attributes)   {}
func (unmeasured) RecordError(bool, api.Attributes) {}
