package dispatcher

import (
	"hash/fnv"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/subject"
)

// digest tells apart the states of an object that a node acts on differently. For
// pods and nodes it leaves out what node agents themselves report, so that a node is not told its
// own words; other resources have none (0): every change counts.
func digest(r subject.Resource, state []byte) uint64 {
	var seen interface{ Marshal() ([]byte, error) }
	switch r {
	case subject.Pods:
		var pod corev1.Pod
		if pod.Unmarshal(state) != nil {
			return 0
		}
		seen = seenOfPod(&pod)
	case subject.Nodes:
		var node corev1.Node
		if node.Unmarshal(state) != nil {
			return 0
		}
		seen = seenOfNode(&node)
	default:
		return 0
	}
	encoded, err := seen.Marshal()
	if err != nil {
		return 0
	}
	h := fnv.New64a()
	h.Write(encoded)
	return max(h.Sum64(), 1)
}

// seenOfPod is a pod without the part of its status that its node agent writes.
func seenOfPod(pod *corev1.Pod) *corev1.Pod {
	seen := &corev1.Pod{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec}
	seen.ManagedFields, seen.ResourceVersion = nil, ""
	for i := range pod.Status.Conditions {
		if c := pod.Status.Conditions[i]; !ofAgent(c.Type) {
			seen.Status.Conditions = append(seen.Status.Conditions, c)
		}
	}
	return seen
}

// ofAgent says whether the node agent writes conditions of the type.
func ofAgent(t corev1.PodConditionType) bool {
	switch t {
	case corev1.PodReady, corev1.ContainersReady, corev1.PodInitialized, corev1.PodReadyToStartContainers,
		corev1.PodResizePending, corev1.PodResizeInProgress:
		return true
	}
	return false
}

// seenOfNode is a node without its heartbeats, but with what others say when they no
// longer hear them.
func seenOfNode(node *corev1.Node) *corev1.Node {
	seen := &corev1.Node{ObjectMeta: node.ObjectMeta, Spec: node.Spec}
	seen.ManagedFields, seen.ResourceVersion = nil, ""
	seen.Status.Addresses = node.Status.Addresses
	seen.Status.Allocatable = node.Status.Allocatable
	for _, c := range node.Status.Conditions {
		if c.Status == corev1.ConditionUnknown {
			seen.Status.Conditions = append(seen.Status.Conditions, corev1.NodeCondition{Type: c.Type, Status: c.Status})
		}
	}
	return seen
}
