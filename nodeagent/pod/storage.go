package pod

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Storage is what a pod has on its node's disk, in bytes.
type Storage struct {
	// Volumes are its emptyDirs by name, Containers its containers' own files and logs.
	Volumes, Containers map[string]int64
}

// LimitsStorage says whether the pod has a limit that its storage is to be compared with.
func LimitsStorage(p *corev1.Pod) bool {
	for i := range p.Spec.Volumes {
		if e := p.Spec.Volumes[i].EmptyDir; e != nil && e.SizeLimit != nil && e.SizeLimit.Sign() > 0 {
			return true
		}
	}
	limit, _ := Requests(p, corev1.ResourceEphemeralStorage, true)
	return limit > 0
}

// Exceeds tells, as people read it, which limit of the pod's its storage exceeds; "" if none.
func Exceeds(p *corev1.Pod, s Storage) string {
	total := int64(0)
	for i := range p.Spec.Volumes {
		v := &p.Spec.Volumes[i]
		total += s.Volumes[v.Name]
		if v.EmptyDir == nil || v.EmptyDir.SizeLimit == nil {
			continue
		}
		if limit := v.EmptyDir.SizeLimit; limit.Sign() > 0 && s.Volumes[v.Name] > limit.Value() {
			return fmt.Sprintf("Usage of EmptyDir volume %q exceeds the limit %q. ", v.Name, limit.String())
		}
	}
	for _, used := range s.Containers {
		total += used
	}
	if limit, _ := Requests(p, corev1.ResourceEphemeralStorage, true); limit > 0 && total > limit {
		return fmt.Sprintf("Pod ephemeral local storage usage exceeds the total limit of containers %s. ", resource.NewQuantity(limit, resource.BinarySI))
	}
	for i := range p.Spec.Containers {
		c := &p.Spec.Containers[i]
		if limit := c.Resources.Limits.StorageEphemeral(); limit.Sign() > 0 && s.Containers[c.Name] > limit.Value() {
			return fmt.Sprintf("Container %s exceeded its local ephemeral storage limit %q. ", c.Name, limit.String())
		}
	}
	return ""
}

// Evict ends the pod, which used more than it may, almost at once.
func (s *State) Evict(message string) {
	if s.terminal || !s.ending.IsZero() {
		return
	}
	s.fail("Evicted", message)
	s.evicted = true
	s.warn("", "Evicted", message)
}
