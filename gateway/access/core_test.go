package access

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

func coreResource(o kind.Object) subject.Resource {
	switch o.(type) {
	case *corev1.Pod:
		return subject.Pods
	case *corev1.Node:
		return subject.Nodes
	case *corev1.Secret:
		return subject.Secrets
	case *corev1.ServiceAccount:
		return subject.ServiceAccounts
	}
	panic(fmt.Sprintf("unexpected %T", o))
}

func metaOf(namespace, name, uid string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, UID: types.UID(uid)}
}

func podOn(node, namespace, name, account string, volumes ...corev1.Volume) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metaOf(namespace, name, "pod-"+name), Spec: corev1.PodSpec{NodeName: node, ServiceAccountName: account, Volumes: volumes},
	}
}

func secretVolume(name string) corev1.Volume {
	return corev1.Volume{VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name}}}
}
