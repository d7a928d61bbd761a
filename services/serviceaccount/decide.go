package serviceaccount

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/command"
	"taffrail.dev/events/process"
	"taffrail.dev/events/subject"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

const description = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints " +
	"such as the internal service IP or kubernetes.default.svc. " +
	"No other usage is guaranteed across distributions of Kubernetes clusters."

// decide is one turn of one namespace. One that is going gets nothing more.
func (s *state) decide(t process.Turn) process.Plan {
	name := t.Key.Name
	n := s.namespaces.Get("", name)
	if n == nil || n.DeletionTimestamp != nil || n.Status.Phase == corev1.NamespaceTerminating {
		return process.Plan{}
	}
	var commands []*commandv1.Command
	if s.accounts.Get(name, account) == nil {
		key := subject.Object{Resource: subject.ServiceAccounts, Namespace: name, Name: account}
		commands = append(commands, command.Create(key, &corev1.ServiceAccount{
			ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: account},
		}, "every namespace has one"))
	}
	if c := s.publish(name); c != nil {
		commands = append(commands, c)
	}
	return process.Plan{Commands: commands}
}

// publish makes or mends the namespace's CA bundle, nil if it is as it should be.
func (s *state) publish(namespace string) *commandv1.Command {
	key := subject.Object{Resource: subject.ConfigMaps, Namespace: namespace, Name: rootCA}
	data := map[string]string{caKey: s.ca}
	have := s.configs.Get(namespace, rootCA)
	if have == nil {
		return command.Create(key, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: rootCA,
				Annotations: map[string]string{"kubernetes.io/description": description},
			},
			Data: data,
		}, "every namespace has the cluster's CA")
	}
	if maps.Equal(have.Data, data) && len(have.BinaryData) == 0 && have.Annotations["kubernetes.io/description"] != "" {
		return nil
	}
	next := have.DeepCopy()
	next.Data, next.BinaryData = data, nil
	if next.Annotations == nil {
		next.Annotations = map[string]string{}
	}
	next.Annotations["kubernetes.io/description"] = description
	return command.Update(key, "", next, "the cluster's CA restored")
}
