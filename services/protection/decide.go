package protection

import (
	"encoding/json"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/command"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// decide is one turn of one claim or volume.
func (s *state) decide(t process.Turn) process.Plan {
	if t.Key.Resource == claims {
		if c := s.claims.Get(t.Key.Namespace, t.Key.Name); c != nil {
			return hold(t.Key, c, claimFinalizer, s.users[t.Key] > 0)
		}
	} else if v := s.volumes.Get("", t.Key.Name); v != nil {
		return hold(t.Key, v, volumeFinalizer, v.Status.Phase == corev1.VolumeBound)
	}
	return process.Plan{}
}

// hold has an object keep its finalizer until it is to go and is not used.
func hold(key subject.Object, obj metav1.Object, finalizer string, used bool) process.Plan {
	finalizers := obj.GetFinalizers()
	at := slices.Index(finalizers, finalizer)
	ending := obj.GetDeletionTimestamp() != nil
	switch {
	case at < 0 && !ending:
		return patch(key, obj, append(slices.Clone(finalizers), finalizer), "held while it is in use")
	case at >= 0 && ending && !used:
		return patch(key, obj, slices.Delete(slices.Clone(finalizers), at, at+1), "nothing uses it any more")
	}
	return process.Plan{}
}

func patch(key subject.Object, obj metav1.Object, finalizers []string, reason string) process.Plan {
	text, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": obj.GetUID(), "resourceVersion": obj.GetResourceVersion(), "finalizers": finalizers,
	}})
	if err != nil { // strings always encode
		return process.Plan{}
	}
	return process.Plan{Commands: []*commandv1.Command{command.Patch(key, "", command.MergePatch, text, reason)}}
}
