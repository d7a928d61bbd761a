package rest_test

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func podOf(name, node string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "c", Image: "i"}}},
	}
}

func TestPodsAreDeletedGracefully(t *testing.T) {
	t.Parallel()
	pods := serve(t).client(t, asProtobuf).CoreV1().Pods("ns")
	for name, node := range map[string]string{"bound": "n1", "unbound": ""} {
		if _, err := pods.Create(t.Context(), podOf(name, node), metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := pods.Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := pods.Get(t.Context(), "unbound", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Fatalf("an unbound pod lives on: %v", err)
	}
	got, err := pods.Get(t.Context(), "bound", metav1.GetOptions{})
	if err != nil || got.DeletionTimestamp == nil || *got.DeletionGracePeriodSeconds != 30 {
		t.Fatalf("%v %+v", err, got)
	}
	wrong := types.UID("another")
	now := int64(0)
	err = pods.Delete(t.Context(), "bound", metav1.DeleteOptions{GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &wrong}})
	if !apierrors.IsConflict(err) {
		t.Fatalf("another uid: %v", err)
	}
	if err := pods.Delete(t.Context(), "bound", metav1.DeleteOptions{GracePeriodSeconds: &now}); err != nil {
		t.Fatal(err)
	}
	if _, err := pods.Get(t.Context(), "bound", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Fatalf("after the second delete: %v", err)
	}
}

func TestFinalizersHoldADeletion(t *testing.T) {
	t.Parallel()
	maps := serve(t).client(t, asJSON).CoreV1().ConfigMaps("ns")
	m := configMap("a", nil)
	m.Finalizers = []string{"example.com/hold"}
	if _, err := maps.Create(t.Context(), m, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	foreground := metav1.DeletePropagationForeground
	if err := maps.Delete(t.Context(), "a", metav1.DeleteOptions{PropagationPolicy: &foreground}); err != nil {
		t.Fatal(err)
	}
	got, err := maps.Get(t.Context(), "a", metav1.GetOptions{})
	if err != nil || got.DeletionTimestamp == nil || len(got.Finalizers) != 2 {
		t.Fatalf("%v %+v", err, got.ObjectMeta)
	}
	set(t, maps, "a", `{"metadata":{"finalizers":null}}`)
	if _, err := maps.Get(t.Context(), "a", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Fatalf("it lives on: %v", err)
	}
}

func TestDeleteCollection(t *testing.T) {
	t.Parallel()
	maps := serve(t).client(t, asJSON).CoreV1().ConfigMaps("ns")
	for _, name := range []string{"a", "b", "c"} {
		m := configMap(name, nil)
		m.Labels = map[string]string{"keep": map[bool]string{true: "yes", false: "no"}[name == "b"]}
		if _, err := maps.Create(t.Context(), m, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := maps.DeleteCollection(t.Context(), metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "keep=no"}); err != nil {
		t.Fatal(err)
	}
	left, err := maps.List(t.Context(), metav1.ListOptions{})
	if err != nil || len(left.Items) != 1 || left.Items[0].Name != "b" {
		t.Fatalf("%v %+v", err, left)
	}
}

func deployment() *appsv1.Deployment {
	two, labels := int32(2), map[string]string{"app": "web"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "web-"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &two, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podOf("", "").Spec},
		},
	}
}

func TestScaleStatusAndGeneration(t *testing.T) {
	t.Parallel()
	deployments := serve(t).client(t, asProtobuf).AppsV1().Deployments("ns")
	made, err := deployments.Create(t.Context(), deployment(), metav1.CreateOptions{})
	if err != nil || made.Generation != 1 || !strings.HasPrefix(made.Name, "web-") || len(made.Name) != 9 {
		t.Fatalf("%v %+v", err, made)
	}
	scale, err := deployments.GetScale(t.Context(), made.Name, metav1.GetOptions{})
	if err != nil || scale.Spec.Replicas != 2 || scale.Status.Selector != "app=web" {
		t.Fatalf("%v %+v", err, scale)
	}
	scale, err = deployments.UpdateScale(t.Context(), made.Name, &autoscalingv1.Scale{
		ObjectMeta: metav1.ObjectMeta{Name: made.Name, Namespace: "ns"}, Spec: autoscalingv1.ScaleSpec{Replicas: 5},
	}, metav1.UpdateOptions{})
	if err != nil || scale.Spec.Replicas != 5 {
		t.Fatalf("%v %+v", err, scale)
	}
	got, err := deployments.Get(t.Context(), made.Name, metav1.GetOptions{})
	if err != nil || *got.Spec.Replicas != 5 || got.Generation != 2 {
		t.Fatalf("%v %+v", err, got)
	}
	got.Status.Replicas, *got.Spec.Replicas = 4, 9
	got, err = deployments.UpdateStatus(t.Context(), got, metav1.UpdateOptions{})
	if err != nil || got.Status.Replicas != 4 || *got.Spec.Replicas != 5 || got.Generation != 2 {
		t.Fatalf("%v %+v", err, got)
	}
}

// TestDefaultPropagation deletes without a policy: most kinds' dependents go too, those of replication controllers
// and jobs are left alone, as their first versions had it.
func TestDefaultPropagation(t *testing.T) {
	t.Parallel()
	c := serve(t).client(t, asJSON)
	template := corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "c", Image: "i"}}},
	}
	controllers := c.CoreV1().ReplicationControllers("ns")
	_, err := controllers.Create(t.Context(), &corev1.ReplicationController{
		ObjectMeta: metav1.ObjectMeta{Name: "r"}, Spec: corev1.ReplicationControllerSpec{Template: &template},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := controllers.Delete(t.Context(), "r", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := controllers.Get(t.Context(), "r", metav1.GetOptions{})
	if err != nil || !slices.Equal(got.Finalizers, []string{metav1.FinalizerOrphanDependents}) {
		t.Errorf("without a policy: %v, %v", got.Finalizers, err)
	}
	background := metav1.DeletePropagationBackground
	if err := controllers.Delete(t.Context(), "r", metav1.DeleteOptions{PropagationPolicy: &background}); err != nil {
		t.Fatal(err)
	}
	if _, err := controllers.Get(t.Context(), "r", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("in the background: %v", err)
	}
}
