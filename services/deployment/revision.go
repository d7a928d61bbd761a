package deployment

import (
	"encoding/binary"
	"hash/fnv"
	"maps"
	"math"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
)

const (
	hashLabel = appsv1.DefaultDeploymentUniqueLabelKey
	// maxHistory bounds the revision-history annotation, in characters.
	maxHistory = 2000
	// maxBase leaves room for a hash in a ReplicaSet's name.
	maxBase = 253 - 1 - 10
)

var deploymentKind = appsv1.SchemeGroupVersion.WithKind("Deployment")

// templateHash tells templates apart; collisions counts how often another had the same hash.
func templateHash(t *corev1.PodTemplateSpec, collisions *int32) string {
	h := fnv.New32a()
	if b, err := t.Marshal(); err == nil { // map keys are marshalled in order
		h.Write(b)
	}
	if collisions != nil {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(*collisions)))
	}
	return rand.SafeEncodeString(strconv.FormatUint(uint64(h.Sum32()), 10))
}

// sameTemplate compares templates but for the hash label.
func sameTemplate(a, b *corev1.PodTemplateSpec) bool {
	return sameLabels(a.Labels, b.Labels) && func() bool {
		x, y := *a, *b
		x.Labels, y.Labels = nil, nil
		return apiequality.Semantic.DeepEqual(&x, &y)
	}()
}

func sameLabels(a, b map[string]string) bool {
	covered := func(a, b map[string]string) bool {
		for k, v := range a {
			if w, ok := b[k]; k != hashLabel && (!ok || v != w) {
				return false
			}
		}
		return true
	}
	return covered(a, b) && covered(b, a)
}

func revisionOf(rs *appsv1.ReplicaSet) int64 {
	n, err := strconv.ParseInt(rs.Annotations[Revision], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// newSet is the ReplicaSet of the Deployment's present template, of size 0.
func newSet(d *appsv1.Deployment, hash, revision string) *appsv1.ReplicaSet {
	base := d.Name
	if len(base) > maxBase {
		base = base[:maxBase]
	}
	template := *d.Spec.Template.DeepCopy()
	template.Labels = withHash(template.Labels, hash)
	selector := d.Spec.Selector.DeepCopy()
	selector.MatchLabels = withHash(selector.MatchLabels, hash)
	var none int32
	rs := &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Name: base + "-" + hash, Namespace: d.Namespace, Labels: maps.Clone(template.Labels),
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(d, deploymentKind)},
			Annotations:     map[string]string{Revision: revision},
		},
		Spec: appsv1.ReplicaSetSpec{Replicas: &none, MinReadySeconds: d.Spec.MinReadySeconds, Selector: selector, Template: template},
	}
	for k, v := range inherited(d) {
		rs.Annotations[k] = v
	}
	setSizes(rs, d)
	return rs
}

func withHash(labels map[string]string, hash string) map[string]string {
	out := maps.Clone(labels)
	if out == nil {
		out = map[string]string{}
	}
	out[hashLabel] = hash
	return out
}

// inherited are the annotations that a Deployment's new ReplicaSet copies.
func inherited(d *appsv1.Deployment) map[string]string {
	out := maps.Clone(d.Annotations)
	for _, own := range []string{
		corev1.LastAppliedConfigAnnotation, Revision, RevisionHistory, DesiredReplicas, MaxReplicas, appsv1.DeprecatedRollbackTo,
	} {
		delete(out, own)
	}
	return out
}

// outdated says whether the existing new ReplicaSet has to be brought up to date by refresh.
func outdated(rs *appsv1.ReplicaSet, d *appsv1.Deployment, revision int64) bool {
	if rs.Spec.MinReadySeconds != d.Spec.MinReadySeconds || (revisionOf(rs) < revision && validRevision(rs)) {
		return true
	}
	for k, v := range inherited(d) {
		if w, ok := rs.Annotations[k]; !ok || v != w {
			return true
		}
	}
	return false
}

func validRevision(rs *appsv1.ReplicaSet) bool {
	text, ok := rs.Annotations[Revision]
	if !ok {
		return true
	}
	_, err := strconv.ParseInt(text, 10, 64)
	return err == nil
}

// refresh gives the existing new ReplicaSet, a private copy, the Deployment's
// annotations, minReadySeconds and a revision above all others', keeping the old one in its history.
func refresh(rs *appsv1.ReplicaSet, d *appsv1.Deployment, revision int64) {
	rs.Spec.MinReadySeconds = d.Spec.MinReadySeconds
	if rs.Annotations == nil {
		rs.Annotations = map[string]string{}
	}
	for k, v := range inherited(d) {
		rs.Annotations[k] = v
	}
	if revisionOf(rs) >= revision || !validRevision(rs) {
		return
	}
	if was, ok := rs.Annotations[Revision]; ok {
		rs.Annotations[RevisionHistory] = withRevision(rs.Annotations[RevisionHistory], was)
	}
	rs.Annotations[Revision] = strconv.FormatInt(revision, 10)
}

// withRevision adds a revision to a history, at the cost of the oldest if it grows too long.
func withRevision(history, revision string) string {
	if history == "" {
		return revision
	}
	all := append(strings.Split(history, ","), revision)
	length := len(history) + 1 + len(revision)
	for length > maxHistory && len(all) > 1 {
		length -= len(all[0]) + 1
		all = all[1:]
	}
	return strings.Join(all, ",")
}

func limited(d *appsv1.Deployment) bool {
	return d.Spec.RevisionHistoryLimit != nil && *d.Spec.RevisionHistoryLimit != math.MaxInt32
}
