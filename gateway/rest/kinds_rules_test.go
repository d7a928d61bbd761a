package rest_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	batchv1 "k8s.io/api/batch/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

func fromYAML[T any](t *testing.T, text string) *T {
	t.Helper()
	obj := new(T)
	if err := yaml.UnmarshalStrict([]byte(text), obj); err != nil {
		t.Fatal(err)
	}
	return obj
}

func TestScales(t *testing.T) {
	t.Parallel()
	c := serve(t).client(t, asProtobuf)
	template := `{metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i:1}]}}`
	sets, controllers := c.AppsV1().StatefulSets("default"), c.CoreV1().ReplicationControllers("default")
	set := fromYAML[appsv1.StatefulSet](t, `{metadata: {name: web}, spec: {selector: {matchLabels: {app: web}}, template: `+template+`}}`)
	if _, err := sets.Create(t.Context(), set, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	controller := fromYAML[corev1.ReplicationController](t, `{metadata: {name: web}, spec: {selector: {app: web}, template: `+template+`}}`)
	if _, err := controllers.Create(t.Context(), controller, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, s := range []scaler{sets, controllers} {
		scale, err := s.GetScale(t.Context(), "web", metav1.GetOptions{})
		if err != nil || scale.Spec.Replicas != 1 || scale.Status.Selector != "app=web" {
			t.Fatalf("scale %+v: %v", scale, err)
		}
		scale.Spec.Replicas = 4
		if scale, err = s.UpdateScale(t.Context(), "web", scale, metav1.UpdateOptions{}); err != nil || scale.Spec.Replicas != 4 {
			t.Fatalf("scaled to %+v: %v", scale, err)
		}
	}
}

// A job selects its pods by its own uid, and is labelled as they are.
func TestJobsSelectTheirOwnPods(t *testing.T) {
	t.Parallel()
	jobs := serve(t).client(t, asJSON).BatchV1().Jobs("default")
	job := fromYAML[batchv1.Job](t, `{metadata: {name: once}, spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i:1}]}}}}`)
	made, err := jobs.Create(t.Context(), job, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := made.Spec.Selector.MatchLabels; len(got) != 1 || got[batchv1.ControllerUidLabel] != string(made.UID) {
		t.Errorf("selector %v", got)
	}
	for _, where := range []map[string]string{made.Labels, made.Spec.Template.Labels} {
		if len(where) != 4 || where["controller-uid"] != string(made.UID) || where["job-name"] != "once" || where[batchv1.JobNameLabel] != "once" {
			t.Errorf("labels %v", where)
		}
	}
}

// A daemon set's template is counted; a volume's phase is dated.
func TestCountsAndDates(t *testing.T) {
	t.Parallel()
	c := serve(t).client(t, asJSON)
	sets := c.AppsV1().DaemonSets("default")
	set := fromYAML[appsv1.DaemonSet](t, `{metadata: {name: a}, spec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: a}}, spec: {containers: [{name: c, image: i:1}]}}}}`)
	for i, want := range []string{"1", "2", "2"} {
		var err error
		if i == 0 {
			set, err = sets.Create(t.Context(), set, metav1.CreateOptions{})
		} else {
			set.Spec.MinReadySeconds, set.Spec.Template.Spec.Containers[0].Image = int32(i), "i:2"
			set, err = sets.Update(t.Context(), set, metav1.UpdateOptions{})
		}
		if err != nil || set.Annotations[appsv1.DeprecatedTemplateGeneration] != want || set.Generation != int64(i+1) {
			t.Fatalf("write %d: generation %d, template's %v: %v", i, set.Generation, set.Annotations, err)
		}
	}
	volumes := c.CoreV1().PersistentVolumes()
	v, err := volumes.Create(t.Context(), fromYAML[corev1.PersistentVolume](t, `{metadata: {name: v}, spec: {accessModes: [ReadWriteOnce], capacity: {storage: 1Gi}, hostPath: {path: /v}}}`), metav1.CreateOptions{})
	if err != nil || v.Status.Phase != corev1.VolumePending || !v.Status.LastPhaseTransitionTime.Equal(&v.CreationTimestamp) {
		t.Fatalf("created %+v: %v", v.Status, err)
	}
	v.Status = corev1.PersistentVolumeStatus{Phase: corev1.VolumeAvailable}
	if v, err = volumes.UpdateStatus(t.Context(), v, metav1.UpdateOptions{}); err != nil || v.Status.LastPhaseTransitionTime.Before(&v.CreationTimestamp) {
		t.Fatalf("updated %+v: %v", v.Status, err)
	}
}

// Only an approval approves, only a status issues, and neither is taken back.
func TestCertificateRequests(t *testing.T) {
	t.Parallel()
	requests := serve(t).client(t, asJSON).CertificatesV1().CertificateSigningRequests()
	request, certificate := certified(t)
	made, err := requests.Create(t.Context(), &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "jane"},
		Spec:       certificatesv1.CertificateSigningRequestSpec{SignerName: "example.com/client", Request: request, Usages: []certificatesv1.KeyUsage{"client auth"}},
		Status:     certificatesv1.CertificateSigningRequestStatus{Certificate: certificate},
	}, metav1.CreateOptions{})
	if err != nil || len(made.Status.Certificate) > 0 {
		t.Fatalf("created with a certificate, or not: %v", err)
	}
	approved := made.DeepCopy()
	approved.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue}}
	if _, err := requests.UpdateStatus(t.Context(), approved, metav1.UpdateOptions{}); !apierrors.IsInvalid(err) {
		t.Fatalf("approved by status: %v", err)
	}
	made, err = requests.UpdateApproval(t.Context(), "jane", approved, metav1.UpdateOptions{})
	if err != nil || made.Status.Conditions[0].LastTransitionTime.IsZero() || made.Status.Conditions[0].LastUpdateTime.IsZero() {
		t.Fatalf("approval: %v %+v", err, made.Status)
	}
	made.Status.Certificate = certificate
	if made, err = requests.UpdateStatus(t.Context(), made, metav1.UpdateOptions{}); err != nil || len(made.Status.Certificate) == 0 {
		t.Fatalf("issued: %v", err)
	}
	for what, change := range map[string]func(*certificatesv1.CertificateSigningRequestStatus){
		"took back an approval": func(s *certificatesv1.CertificateSigningRequestStatus) { s.Conditions = nil },
		"changed a certificate": func(s *certificatesv1.CertificateSigningRequestStatus) {
			s.Certificate = append(append([]byte{}, certificate...), certificate...)
		},
		"issued nonsense": func(s *certificatesv1.CertificateSigningRequestStatus) { s.Certificate = []byte("x") },
	} {
		other := made.DeepCopy()
		change(&other.Status)
		if _, err := requests.UpdateStatus(t.Context(), other, metav1.UpdateOptions{}); !apierrors.IsInvalid(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// certified is a request for a certificate and a certificate, in PEM.
func certified(t *testing.T) (request, certificate []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	body, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "jane"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	signed := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "jane"}}
	issued, err := x509.CreateCertificate(rand.Reader, signed, signed, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: body}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issued})
}

// Devices that others use are for namespaces that say so.
func TestDeviceAdminAccess(t *testing.T) {
	t.Parallel()
	c := serve(t).client(t, asJSON)
	claim := fromYAML[resourcev1.ResourceClaim](t, `{metadata: {name: c}, spec: {devices: {requests: [{name: gpu, exactly: {deviceClassName: gpu, adminAccess: true}}]}}}`)
	template := &resourcev1.ResourceClaimTemplate{ObjectMeta: claim.ObjectMeta, Spec: resourcev1.ResourceClaimTemplateSpec{Spec: claim.Spec}}
	for name, labels := range map[string]map[string]string{"users": nil, "admins": {resourcev1.DRAAdminNamespaceLabelKey: "true"}} {
		if _, err := c.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		_, err := c.ResourceV1().ResourceClaims(name).Create(t.Context(), claim, metav1.CreateOptions{})
		_, second := c.ResourceV1().ResourceClaimTemplates(name).Create(t.Context(), template, metav1.CreateOptions{})
		for _, err := range []error{err, second} {
			if labels == nil != apierrors.IsInvalid(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

type scaler interface {
	GetScale(context.Context, string, metav1.GetOptions) (*autoscalingv1.Scale, error)
	UpdateScale(context.Context, string, *autoscalingv1.Scale, metav1.UpdateOptions) (*autoscalingv1.Scale, error)
}
