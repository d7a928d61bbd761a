package access

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	authenticationv1 "k8s.io/api/authentication/v1"

	"taffrail.dev/events/errs"
	"taffrail.dev/gateway/kind"
)

// impersonates reads as: any Impersonate- header asks for impersonation.
func impersonates(h http.Header) bool {
	if len(h[authenticationv1.ImpersonateUserHeader]) > 0 {
		return true
	}
	for name := range h {
		if strings.HasPrefix(name, "Impersonate-") {
			return true
		}
	}
	return false
}

// impersonate is who user wants to be, if user may impersonate the name, the uid, each group
// and each extra value.
func (a *Authenticator) impersonate(ctx context.Context, user kind.User, h http.Header) (kind.User, error) {
	target := kind.User{
		Name: h.Get(authenticationv1.ImpersonateUserHeader), UID: h.Get(authenticationv1.ImpersonateUIDHeader),
		Groups: slices.Clone(h.Values(authenticationv1.ImpersonateGroupHeader)), Extra: impersonatedExtra(h), Impersonator: user.Name,
	}
	if target.Name == "" {
		return kind.User{}, errs.F("impersonate", errs.BadRequest, "requested %v without impersonating a user", target)
	}
	for _, wanted := range impersonations(&target) {
		wanted.User, wanted.Verb = user, "impersonate"
		if err := a.allowed(ctx, &wanted); err != nil {
			return kind.User{}, err
		}
	}
	if len(target.Groups) == 0 {
		target.Groups = accountGroups(target.Name)
	}
	switch {
	case target.Name == userAnonymous:
		if !slices.Contains(target.Groups, groupAnonymous) {
			target.Groups = append(target.Groups, groupAnonymous)
		}
	case !slices.Contains(target.Groups, groupAuthenticated) && !slices.Contains(target.Groups, groupAnonymous):
		target.Groups = append(target.Groups, groupAuthenticated)
	}
	return target, nil
}

// impersonations are the attributes, but for user and verb, that allow to be target.
func impersonations(target *kind.User) []Attributes {
	wanted := Attributes{APIVersion: "v1", Resource: "users", Name: target.Name}
	if namespace, name, ok := splitAccount(target.Name); ok {
		wanted = Attributes{APIVersion: "v1", Resource: "serviceaccounts", Namespace: namespace, Name: name}
	}
	all := []Attributes{wanted}
	for _, group := range target.Groups {
		all = append(all, Attributes{APIVersion: "v1", Resource: "groups", Name: group})
	}
	if target.UID != "" {
		all = append(all, Attributes{APIGroup: authenticationv1.GroupName, APIVersion: "v1", Resource: "uids", Name: target.UID})
	}
	for key, values := range target.Extra {
		for _, value := range values {
			all = append(all, Attributes{
				APIGroup: authenticationv1.GroupName, APIVersion: "v1", Resource: "userextras", Subresource: key, Name: value,
			})
		}
	}
	return all
}

func impersonatedExtra(h http.Header) map[string][]string {
	var extra map[string][]string
	for name, values := range h {
		key, ok := strings.CutPrefix(name, authenticationv1.ImpersonateUserExtraHeaderPrefix)
		if !ok {
			continue
		}
		key = strings.ToLower(key)
		if unescaped, err := url.PathUnescape(key); err == nil {
			key = unescaped
		}
		if extra == nil {
			extra = map[string][]string{}
		}
		extra[key] = append(extra[key], values...)
	}
	return extra
}
