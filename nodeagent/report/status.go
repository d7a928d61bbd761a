package report

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// maxImages bounds the images named in a node's status, as the kubelet does.
const maxImages = 50

// status is the node as it is now.
func (n *Node) status(ctx context.Context, now time.Time) (corev1.NodeStatus, error) {
	version, err := n.config.Source.RuntimeVersion(ctx)
	if err != nil {
		return corev1.NodeStatus{}, err
	}
	images, err := n.config.Source.Images(ctx)
	if err != nil {
		return corev1.NodeStatus{}, err
	}
	free, err := freeDisk(n.config.DataDir)
	if err != nil {
		return corev1.NodeStatus{}, err
	}
	memory, err := availableMemory()
	if err != nil {
		return corev1.NodeStatus{}, err
	}
	capacity := n.host.capacity(n.config.MaxPods)
	return corev1.NodeStatus{
		Capacity: capacity, Allocatable: less(capacity, n.config.Reserved),
		Conditions:      n.conditions(now, memory, free),
		Addresses:       n.config.Addresses,
		DaemonEndpoints: corev1.NodeDaemonEndpoints{KubeletEndpoint: corev1.DaemonEndpoint{Port: n.config.Port}},
		NodeInfo:        n.host.info(version, n.config.Version),
		Images:          images[:min(len(images), maxImages)],
	}, nil
}

// less is what pods may use of a capacity.
func less(capacity, reserved corev1.ResourceList) corev1.ResourceList {
	out := capacity.DeepCopy()
	for name, amount := range reserved {
		if have, ok := out[name]; ok {
			if have.Sub(amount); have.Sign() < 0 {
				have = *resource.NewQuantity(0, have.Format)
			}
			out[name] = have
		}
	}
	return out
}

// Pressure begins at the kubelet's hard eviction thresholds.
const (
	memoryPressure = 100 << 20
	diskPressure   = 0.10
)

// conditions keep the time of their last change while they don't.
func (n *Node) conditions(now time.Time, memory uint64, disk space) []corev1.NodeCondition {
	out := []corev1.NodeCondition{
		pressure(corev1.NodeMemoryPressure, memory < memoryPressure, "KubeletHasInsufficientMemory", "kubelet has insufficient memory available", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
		pressure(corev1.NodeDiskPressure, float64(disk.free) < diskPressure*float64(disk.size), "KubeletHasDiskPressure", "kubelet has disk pressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
		pressure(corev1.NodePIDPressure, false, "KubeletHasInsufficientPID", "kubelet has insufficient PID available", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
		{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", Message: "kubelet is posting ready status"},
	}
	if err := n.config.Source.Health(); err != nil {
		ready := &out[len(out)-1]
		ready.Status, ready.Reason, ready.Message = corev1.ConditionFalse, "KubeletNotReady", err.Error()
	}
	for i := range out {
		c := &out[i]
		c.LastHeartbeatTime, c.LastTransitionTime = metav1.NewTime(now), metav1.NewTime(now)
		for _, before := range n.told.Conditions {
			if before.Type == c.Type && before.Status == c.Status {
				c.LastTransitionTime = before.LastTransitionTime
			}
		}
	}
	return out
}

func pressure(of corev1.NodeConditionType, is bool, reason, message, goodReason, goodMessage string) corev1.NodeCondition {
	if is {
		return corev1.NodeCondition{Type: of, Status: corev1.ConditionTrue, Reason: reason, Message: message}
	}
	return corev1.NodeCondition{Type: of, Status: corev1.ConditionFalse, Reason: goodReason, Message: goodMessage}
}
