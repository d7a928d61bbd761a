package bootstraptokens

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/fold"
	"taffrail.dev/events/subject"
)

// The secrets that are tokens by their names; no other is accepted as one.
const (
	namespace = "kube-system"
	prefix    = "bootstrap-token-"
)

// state is those secrets, and no others.
type state struct {
	secrets *fold.Store[corev1.Secret, *corev1.Secret]
}

func newState() *state { return &state{secrets: fold.NewStore[corev1.Secret](subject.Secrets)} }

// Apply folds an event of a token, which wakes itself.
func (s *state) Apply(e *fold.Event) []subject.Object {
	key := e.Key()
	if key.Resource != subject.Secrets || key.Namespace != namespace || !strings.HasPrefix(key.Name, prefix) {
		return nil
	}
	if _, _, err := s.secrets.Apply(e); err != nil {
		return nil
	}
	return []subject.Object{key}
}
