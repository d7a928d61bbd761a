package access

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

// Bootstrap tokens, by which machines join, are "id.secret" and kept in secrets of kube-system.
const (
	bootstrapNamespace = "kube-system"
	bootstrapSecret    = "bootstrap-token-"
	prefixBootstrap    = "system:bootstrap:"
	groupBootstrappers = "system:bootstrappers"
)

var (
	bootstrapToken = regexp.MustCompile(`^([a-z0-9]{6})\.([a-z0-9]{16})$`)
	bootstrapGroup = regexp.MustCompile(`^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$`)
)

// errBootstrap is all that is told of why one is refused.
var errBootstrap = errors.New("the bootstrap token is not good")

// bootstrap is the user of a bootstrap token. It is looked up each time: a token ends with its secret.
func (t *Tokens) bootstrap(id, secret string) (kind.User, error) {
	have, ok := t.objects.Get(subject.Secrets, bootstrapNamespace, bootstrapSecret+id)
	if !ok {
		return kind.User{}, errBootstrap
	}
	s, ok := have.(*corev1.Secret)
	if !ok || s.DeletionTimestamp != nil || s.Type != corev1.SecretTypeBootstrapToken {
		return kind.User{}, errBootstrap
	}
	if subtle.ConstantTimeCompare(s.Data["token-secret"], []byte(secret)) != 1 || string(s.Data["token-id"]) != id {
		return kind.User{}, errBootstrap
	}
	if expires := string(s.Data["expiration"]); expires != "" {
		at, err := time.Parse(time.RFC3339, expires)
		if err != nil || !t.now().Before(at) {
			return kind.User{}, errBootstrap
		}
	}
	if string(s.Data["usage-bootstrap-authentication"]) != "true" {
		return kind.User{}, errBootstrap
	}
	groups, err := bootstrapGroups(string(s.Data["auth-extra-groups"]))
	if err != nil {
		return kind.User{}, err
	}
	return kind.User{Name: prefixBootstrap + id, Groups: append(groups, groupAuthenticated)}, nil
}

// bootstrapGroups are the groups of a token: the one of all, and those that its secret names.
func bootstrapGroups(extra string) ([]string, error) {
	groups := []string{groupBootstrappers}
	if extra != "" {
		for name := range strings.SplitSeq(extra, ",") {
			if !bootstrapGroup.MatchString(name) {
				return nil, fmt.Errorf("bootstrap group %q is invalid (must match %s)", name, bootstrapGroup)
			}
			groups = append(groups, name)
		}
	}
	slices.Sort(groups)
	return slices.Compact(groups), nil
}
