package nodeagent

import (
	"os"
	"path/filepath"
	"slices"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/nodeagent/pod"
)

// A pod's last status is kept in its folder: an assignment need not follow statuses, and a new agent
// must know what the old one had told.

func (a *Agent) memory(uid types.UID) string {
	return filepath.Join(a.volumes.PodDir(string(uid)), "status")
}

// remember keeps a status. It isn't synced: what is lost is told again from what is seen.
func (a *Agent) remember(uid types.UID, status *corev1.PodStatus) {
	file := a.memory(uid)
	b, err := status.Marshal()
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o755)
	}
	if err == nil {
		err = os.WriteFile(file+".new", b, 0o600)
	}
	if err == nil {
		err = os.Rename(file+".new", file)
	}
	if err != nil {
		a.cfg.Log.Warn("a pod's status is not kept", zap.String("uid", string(uid)), zap.Error(err))
	}
}

// recall is the pod with the status that an earlier agent told last, if one did.
func (a *Agent) recall(p *corev1.Pod) *corev1.Pod {
	b, err := os.ReadFile(a.memory(p.UID))
	if err != nil {
		return p
	}
	var status corev1.PodStatus
	if err := status.Unmarshal(b); err != nil {
		return p // cut short by a crash
	}
	known := *p
	known.Status = status
	for _, c := range p.Status.Conditions { // what others have said since
		i := slices.IndexFunc(status.Conditions, func(k corev1.PodCondition) bool { return k.Type == c.Type })
		if i < 0 {
			known.Status.Conditions = append(known.Status.Conditions, c)
		} else if !pod.Owns(c.Type) {
			known.Status.Conditions[i] = c
		}
	}
	return &known
}
