package serviceaccount

import (
	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
)

// The objects of each namespace.
const (
	account = "default"
	rootCA  = "kube-root-ca.crt"
	caKey   = "ca.crt"
)

// state is the namespaces, and of each the two objects.
type state struct {
	ca         string
	namespaces *fold.Store[corev1.Namespace, *corev1.Namespace]
	accounts   *fold.Store[corev1.ServiceAccount, *corev1.ServiceAccount]
	configs    *fold.Store[corev1.ConfigMap, *corev1.ConfigMap]
}

func newState(ca string) *state {
	return &state{
		ca:         ca,
		namespaces: fold.NewStore[corev1.Namespace](subject.Namespaces),
		accounts:   fold.NewStore[corev1.ServiceAccount](subject.ServiceAccounts),
		configs:    fold.NewStore[corev1.ConfigMap](subject.ConfigMaps),
	}
}

// Apply folds an event of a namespace or of one of its two objects; either wakes the namespace.
func (s *state) Apply(e *fold.Event) []subject.Object {
	key := e.Key()
	var err error
	switch {
	case key.Resource == subject.Namespaces:
		_, _, err = s.namespaces.Apply(e)
		key.Namespace = key.Name
	case key.Resource == subject.ServiceAccounts && key.Name == account:
		_, _, err = s.accounts.Apply(e)
	case key.Resource == subject.ConfigMaps && key.Name == rootCA:
		_, _, err = s.configs.Apply(e)
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	return []subject.Object{{Resource: subject.Namespaces, Name: key.Namespace}}
}
