package access

import "taffrail.dev/gateway/kind"

// Names that Kubernetes gives a meaning.
const (
	userAnonymous       = "system:anonymous"
	groupAuthenticated  = "system:authenticated"
	groupAnonymous      = "system:unauthenticated"
	groupMasters        = "system:masters"
	groupNodes          = "system:nodes"
	groupAccounts       = "system:serviceaccounts"
	prefixAccount       = "system:serviceaccount:"
	prefixNode          = "system:node:"
	groupServices       = "system:taffrail:services"
	extraPodName        = "authentication.kubernetes.io/pod-name"
	extraPodUID         = "authentication.kubernetes.io/pod-uid"
	extraNodeName       = "authentication.kubernetes.io/node-name"
	extraNodeUID        = "authentication.kubernetes.io/node-uid"
	extraCredentialID   = "authentication.kubernetes.io/credential-id"
	reasonUnauthorized  = "Unauthorized"
	maxCredentialLength = 16 << 10
)

// anonymousPath may be asked for without credentials and without a role, so that health is told
// before there is anything else.
func anonymousPath(path string) bool {
	switch path {
	case "/healthz", "/livez", "/readyz":
		return true
	}
	return false
}

func anonymous() kind.User {
	return kind.User{Name: userAnonymous, Groups: []string{groupAnonymous}}
}
