package connect

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// assigned refuses a pod that is on no node yet.
func assigned(pod *corev1.Pod) error {
	if pod.Spec.NodeName == "" {
		return apierrors.NewBadRequest(fmt.Sprintf("pod %s does not have a host assigned", pod.Name))
	}
	return nil
}

// containerName is the container that is meant: the one asked for, or the only one.
func containerName(pod *corev1.Pod, asked string) (string, error) {
	var apps, inits, ephemeral []string
	for i := range pod.Spec.Containers {
		apps = append(apps, pod.Spec.Containers[i].Name)
	}
	for i := range pod.Spec.InitContainers {
		inits = append(inits, pod.Spec.InitContainers[i].Name)
	}
	for i := range pod.Spec.EphemeralContainers {
		ephemeral = append(ephemeral, pod.Spec.EphemeralContainers[i].Name)
	}
	switch {
	case asked == "" && len(apps) == 1:
		return apps[0], nil
	case asked == "":
		return "", apierrors.NewBadRequest(choose(pod.Name, apps, inits, ephemeral))
	case slices.Contains(slices.Concat(apps, inits, ephemeral), asked):
		return asked, nil
	}
	return "", apierrors.NewBadRequest(fmt.Sprintf("container %s is not valid for pod %s", asked, pod.Name))
}

func choose(pod string, apps, inits, ephemeral []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "a container name must be specified for pod %s, choose one of: %v", pod, apps)
	if len(inits) > 0 {
		fmt.Fprintf(&b, " or one of the init containers: %v", inits)
	}
	if len(ephemeral) > 0 {
		fmt.Fprintf(&b, " or one of the ephemeral containers: %v", ephemeral)
	}
	return b.String()
}
