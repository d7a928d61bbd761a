package access

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestBootstrapTokens(t *testing.T) {
	t.Parallel()
	const good = "abcdef.0123456789abcdef"
	groups := []string{"system:bootstrappers", "system:authenticated"}
	for name, c := range map[string]struct {
		token  string
		change func(s *corev1.Secret)
		off    bool
		groups []string
	}{
		"good": {token: good, groups: groups},
		"with groups": {token: good, groups: []string{"system:bootstrappers", "system:bootstrappers:a", "system:bootstrappers:b", "system:authenticated"}, change: func(s *corev1.Secret) {
			s.Data["auth-extra-groups"] = []byte("system:bootstrappers:b,system:bootstrappers:a")
		}},
		"not yet expired":          {token: good, groups: groups, change: func(s *corev1.Secret) { s.Data["expiration"] = []byte("2026-05-01T00:00:01Z") }},
		"expired":                  {token: good, change: func(s *corev1.Secret) { s.Data["expiration"] = []byte("2026-05-01T00:00:00Z") }},
		"no time":                  {token: good, change: func(s *corev1.Secret) { s.Data["expiration"] = []byte("tomorrow") }},
		"for signing":              {token: good, change: func(s *corev1.Secret) { delete(s.Data, "usage-bootstrap-authentication") }},
		"a foreign group":          {token: good, change: func(s *corev1.Secret) { s.Data["auth-extra-groups"] = []byte("system:masters") }},
		"a secret of another type": {token: good, change: func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque }},
		"another's name":           {token: good, change: func(s *corev1.Secret) { s.Data["token-id"] = []byte("fedcba") }},
		"being deleted":            {token: good, change: func(s *corev1.Secret) { s.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} }},
		"another secret":           {token: "abcdef.fedcba9876543210"},
		"no such token":            {token: "ghijkl.0123456789abcdef"},
		"no token":                 {token: "abcdef.0123456789ABCDEF"},
		"switched off":             {token: good, off: true},
	} {
		m := newMint(t)
		m.Bootstrap = !c.off
		s := &corev1.Secret{ObjectMeta: metaOf("kube-system", "bootstrap-token-abcdef", "b-1"), Type: corev1.SecretTypeBootstrapToken, Data: map[string][]byte{
			"token-id": []byte("abcdef"), "token-secret": []byte("0123456789abcdef"), "usage-bootstrap-authentication": []byte("true"),
		}}
		if c.change != nil {
			c.change(s)
		}
		m.objects.put(s)
		user, audiences, err := m.Authenticate(c.token, nil)
		if (err == nil) != (c.groups != nil) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err != nil {
			if strings.Contains(err.Error(), "0123456789") {
				t.Errorf("%s: the error tells the secret: %v", name, err)
			}
			continue
		}
		if user.Name != "system:bootstrap:abcdef" || !slices.Equal(user.Groups, c.groups) || !slices.Equal(audiences, []string{issuer, "api"}) {
			t.Errorf("%s: %v for %v", name, user, audiences)
		}
		if _, _, err := m.Authenticate(c.token, []string{"elsewhere"}); err == nil {
			t.Errorf("%s: good for another audience", name)
		}
	}
}
