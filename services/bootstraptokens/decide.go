package bootstraptokens

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/command"
	"taffrail.dev/events/process"
	commandv1 "taffrail.dev/proto/gen/command/v1"
)

// decide is one turn of one token: it is deleted when its time is over, or is no time.
func (s *state) decide(t process.Turn) process.Plan {
	secret := s.secrets.Get(t.Key.Namespace, t.Key.Name)
	if secret == nil || secret.DeletionTimestamp != nil || secret.Type != corev1.SecretTypeBootstrapToken {
		return process.Plan{}
	}
	text := string(secret.Data["expiration"])
	if text == "" {
		return process.Plan{}
	}
	why := "the token has expired"
	expires, err := time.Parse(time.RFC3339, text)
	switch {
	case err != nil:
		why = "the token's expiration is no time"
	case t.Now.Before(expires):
		return process.Plan{After: expires.Sub(t.Now)}
	}
	return process.Plan{Commands: []*commandv1.Command{command.Delete(t.Key, string(secret.UID), why)}}
}
