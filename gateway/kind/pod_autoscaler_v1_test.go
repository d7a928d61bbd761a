package kind

import (
	"encoding/json"
	"reflect"
	"testing"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

const everyMetric = `
metadata: {name: web, annotations: {mine: kept}}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 9
  metrics:
  - {type: Object, object: {describedObject: {kind: Service, name: s}, metric: {name: hits, selector: {matchLabels: {a: b}}}, target: {type: Value, value: "7"}}}
  - {type: Pods, pods: {metric: {name: queue}, target: {type: AverageValue, averageValue: "3"}}}
  - {type: Resource, resource: {name: memory, target: {type: Utilization, averageUtilization: 70}}}
  - {type: ContainerResource, containerResource: {name: cpu, container: c, target: {type: AverageValue, averageValue: 500m}}}
  - {type: External, external: {metric: {name: lag}, target: {type: AverageValue, averageValue: "5"}}}
  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}
  behavior: {scaleDown: {stabilizationWindowSeconds: 60, selectPolicy: Min, policies: [{type: Pods, value: 1, periodSeconds: 30}]}}
status:
  currentReplicas: 3
  desiredReplicas: 4
  conditions: [{type: AbleToScale, status: "True", reason: ReadyForNewScale}]
  currentMetrics:
  - {type: Resource, resource: {name: cpu, current: {averageUtilization: 40, averageValue: 200m}}}
  - {type: External, external: {metric: {name: lag}, current: {value: "0", averageValue: "4"}}}
`

// TestAutoscalerVersions goes from v2 to v1 and back: nothing is lost, and v1 has what its clients look for.
func TestAutoscalerVersions(t *testing.T) {
	t.Parallel()
	var want autoscalingv2.HorizontalPodAutoscaler
	if err := yaml.UnmarshalStrict([]byte(everyMetric), &want); err != nil {
		t.Fatal(err)
	}
	before, _ := json.Marshal(&want)
	v1 := fromAutoscalerV2(&want)
	if *v1.Spec.TargetCPUUtilizationPercentage != 60 || *v1.Status.CurrentCPUUtilizationPercentage != 40 || len(v1.Annotations) != 5 {
		t.Errorf("v1 is %+v", v1)
	}
	const behavior = `{"ScaleUp":null,"ScaleDown":{"StabilizationWindowSeconds":60,"SelectPolicy":"Min","Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":30}],"Tolerance":null}}`
	if got := v1.Annotations[behaviorAnnotation]; got != behavior {
		t.Errorf("behavior %s", got)
	}
	got, _ := json.Marshal(toAutoscalerV2(v1))
	after, _ := json.Marshal(&want)
	if string(got) != string(before) || string(after) != string(before) {
		t.Errorf("got %s\nwant %s\nafter %s", got, before, after)
	}
}

// TestAutoscalerV1 has the kind of v1 do what v2's does.
func TestAutoscalerV1(t *testing.T) {
	t.Parallel()
	type scaler = autoscalingv2.HorizontalPodAutoscaler
	k := podAutoscalerV1Kind(&Kind{
		GroupVersionKind: gvk("autoscaling", "v2", "HorizontalPodAutoscaler"), Resource: "horizontalpodautoscalers", Namespaced: true,
		New: func() Object { return new(scaler) }, NewList: func() runtime.Object { return new(autoscalingv2.HorizontalPodAutoscalerList) },
		Prepare: prepares(func(s, old *scaler) {
			s.Status = autoscalingv2.HorizontalPodAutoscalerStatus{}
			if old != nil {
				s.Status = old.Status
			}
		}),
	})
	target := int32(50)
	h := &autoscalingv1.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: autoscalingv1.HorizontalPodAutoscalerSpec{MaxReplicas: 3, TargetCPUUtilizationPercentage: &target},
		Status: autoscalingv1.HorizontalPodAutoscalerStatus{CurrentReplicas: 1},
	}
	k.Default(h)
	k.Prepare(h, nil)
	if *h.Spec.MinReplicas != 1 || *h.Spec.TargetCPUUtilizationPercentage != 50 || h.Status.CurrentReplicas != 0 {
		t.Errorf("prepared %+v", h)
	}
	stored, err := k.Stored.To(h)
	if err != nil || stored.(*scaler).Spec.Metrics[0].Resource.Name != "cpu" || k.SubjectResource().Name != "horizontalpodautoscalers" {
		t.Fatalf("stored %+v, %v", stored, err)
	}
	back, err := k.Stored.From([]Object{stored})
	if err != nil || !reflect.DeepEqual(back[0], Object(h)) {
		t.Errorf("read %+v, want %+v, %v", back, h, err)
	}
}
