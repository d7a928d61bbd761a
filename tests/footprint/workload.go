// Package footprint measures what a pod takes in the memory of those who keep all pods: each service's fold, and the
// gateway's view.
package footprint

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/envelope"
	"taffrail.dev/events/journal"
	"taffrail.dev/events/subject"
	eventv1 "taffrail.dev/proto/gen/event/v1"
)

// A cluster's pods: so many in a replica set, on a node, in a namespace.
const (
	perSet, perNode, perNamespace = 20, 30, 1000
)

var began = metav1.NewTime(time.Unix(1700000000, 0))

// pod is the i-th pod of a cluster, running: two containers, managed by the replica set and its node agent.
func pod(i int) *corev1.Pod {
	set, yes := fmt.Sprintf("web-%d-6d4b75cb6d", i/perSet), true
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: fmt.Sprintf("%s-%05d", set, i%perSet), Namespace: fmt.Sprintf("shop-%d", i/perNamespace), CreationTimestamp: began,
			UID:         types.UID(fmt.Sprintf("00000000-0000-4000-8000-%012d", i)),
			Labels:      map[string]string{"app": fmt.Sprintf("web-%d", i/perSet), "pod-template-hash": "6d4b75cb6d", "tier": "backend", "team": "payments"},
			Annotations: map[string]string{"checksum/config": strings.Repeat("0123456789abcdef", 4)},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "apps/v1", Kind: "ReplicaSet", Name: set, UID: types.UID(fmt.Sprintf("00000000-0000-4000-9000-%012d", i/perSet)), Controller: &yes, BlockOwnerDeletion: &yes,
			}},
			ManagedFields: []metav1.ManagedFieldsEntry{managed("replicaset", 1000), managed("node", 500)},
		},
		Spec: corev1.PodSpec{
			NodeName: fmt.Sprintf("node-%d", i/perNode), SchedulerName: "default-scheduler", Containers: []corev1.Container{container("server"), container("proxy")},
			Volumes:     []corev1.Volume{{Name: "config", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "config"}}}}},
			Tolerations: []corev1.Toleration{{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute}},
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, StartTime: &began, PodIP: address(i), PodIPs: []corev1.PodIP{{IP: address(i)}}, QOSClass: corev1.PodQOSBurstable,
			Conditions:        []corev1.PodCondition{condition(corev1.PodScheduled), condition(corev1.PodInitialized), condition(corev1.ContainersReady), condition(corev1.PodReady)},
			ContainerStatuses: []corev1.ContainerStatus{status(i, "server"), status(i, "proxy")},
		},
	}
}

func address(i int) string { return fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255) }

func managed(manager string, size int) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{
		Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: "v1", Time: &began, FieldsType: "FieldsV1",
		FieldsV1: metav1.NewFieldsV1(`{"f:spec":{"f:` + strings.Repeat("x", size) + `":{}}}`),
	}
}

func condition(t corev1.PodConditionType) corev1.PodCondition {
	return corev1.PodCondition{Type: t, Status: corev1.ConditionTrue, LastTransitionTime: began}
}

func container(name string) corev1.Container {
	return corev1.Container{
		Name: name, Image: "registry.example.com/payments/" + name + ":v1.24.7", ImagePullPolicy: corev1.PullIfNotPresent,
		Env:   []corev1.EnvVar{{Name: "ENVIRONMENT", Value: "production"}, {Name: "LOG_LEVEL", Value: "info"}},
		Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{"cpu": resource.MustParse("100m"), "memory": resource.MustParse("128Mi")},
			Limits:   corev1.ResourceList{"cpu": resource.MustParse("500m"), "memory": resource.MustParse("256Mi")},
		},
		VolumeMounts: []corev1.VolumeMount{{Name: "config", MountPath: "/etc/config"}},
	}
}

func status(i int, name string) corev1.ContainerStatus {
	return corev1.ContainerStatus{
		Name: name, Ready: true, Image: "registry.example.com/payments/" + name + ":v1.24.7",
		ImageID: "registry.example.com/payments/" + name + "@sha256:" + strings.Repeat("0123456789abcdef", 4), ContainerID: fmt.Sprintf("containerd://%064d", i),
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: began}},
	}
}

// message is the journal's message of the i-th pod.
func message(i int) (journal.Message, error) {
	p := pod(i)
	state, err := p.Marshal()
	if err != nil {
		return journal.Message{}, err
	}
	o := subject.Object{Resource: subject.Pods, Namespace: p.Namespace, Name: p.Name}
	data, err := envelope.Encode(&eventv1.Event{
		Id: fmt.Sprint(i), Time: began.UnixNano(), What: eventv1.What_CREATED, Encoding: eventv1.Encoding_ENCODING_PROTOBUF, State: state,
		Actor:  &eventv1.Actor{User: "system:taffrail:replicaset", Groups: []string{"system:authenticated"}},
		Object: &eventv1.ObjectRef{Version: "v1", Kind: "Pod", Resource: "pods", Namespace: p.Namespace, Name: p.Name, Uid: string(p.UID)},
	})
	return journal.Message{Subject: o.Subject(), Sequence: uint64(i + 1), Time: began.Time, Data: data}, err
}
