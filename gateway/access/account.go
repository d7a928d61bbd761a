package access

import "strings"

// accountName is the user name of a service account.
func accountName(namespace, name string) string { return prefixAccount + namespace + ":" + name }

// splitAccount is a service account's namespace and name, if user is one.
func splitAccount(user string) (namespace, name string, ok bool) {
	rest, ok := strings.CutPrefix(user, prefixAccount)
	if !ok {
		return "", "", false
	}
	namespace, name, ok = strings.Cut(rest, ":")
	return namespace, name, ok && namespace != "" && name != "" && !strings.Contains(name, ":")
}

// accountGroups are the groups that a service account is in by its name; nil for other users.
func accountGroups(user string) []string {
	namespace, _, ok := splitAccount(user)
	if !ok {
		return nil
	}
	return []string{groupAccounts, groupAccounts + ":" + namespace}
}

// nodeName is the node that a user is, if it is one.
func nodeName(user string, groups []string) (string, bool) {
	name, ok := strings.CutPrefix(user, prefixNode)
	if !ok || name == "" {
		return "", false
	}
	for _, g := range groups {
		if g == groupNodes {
			return name, true
		}
	}
	return "", false
}
