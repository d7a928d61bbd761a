package kind

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

var webhooksPath = field.NewPath("webhooks")

// reviewVersions are those of AdmissionReview that the gateway speaks, best first.
var reviewVersions = []string{"v1", "v1beta1"}

func validateHooks(hooks []*hook, known written) (errs field.ErrorList) {
	names := map[string]bool{}
	for i, h := range hooks {
		p := webhooksPath.Index(i)
		errs = append(errs, validateHook(h, known, p)...)
		errs = append(errs, validateReviewVersions(h.versions, p.Child("admissionReviewVersions"))...)
		if h.name != "" && names[h.name] {
			errs = append(errs, field.Duplicate(p.Child("name"), h.name))
		}
		names[h.name] = true
	}
	return errs
}

func validateHook(h *hook, known written, p *field.Path) (errs field.ErrorList) {
	errs = validation.IsFullyQualifiedName(p.Child("name"), h.name)
	for i := range h.rules {
		errs = append(errs, validateRuleWithOperations(&h.rules[i], p.Child("rules").Index(i))...)
	}
	if f := *h.failure; f != nil {
		errs = append(errs, oneOfOrUnsupported(*f, p.Child("failurePolicy"), registrationv1.Fail, registrationv1.Ignore)...)
	}
	if m := *h.match; m != nil {
		errs = append(errs, oneOfOrUnsupported(*m, p.Child("matchPolicy"), registrationv1.Equivalent, registrationv1.Exact)...)
	}
	if s := h.sideEffects; s == nil {
		errs = append(errs, field.Required(p.Child("sideEffects"), "must specify one of None, NoneOnDryRun"))
	} else {
		errs = append(errs, oneOfOrUnsupported(*s, p.Child("sideEffects"), registrationv1.SideEffectClassNone, registrationv1.SideEffectClassNoneOnDryRun)...)
	}
	if t := *h.timeout; t != nil && (*t > 30 || *t < 1) {
		errs = append(errs, field.Invalid(p.Child("timeoutSeconds"), *t, "the timeout value must be between 1 and 30 seconds"))
	}
	errs = append(errs, validateSelector(*h.namespaces, p.Child("namespaceSelector"))...)
	errs = append(errs, validateSelector(*h.objects, p.Child("objectSelector"))...)
	errs = append(errs, validateHookClient(h.client, p.Child("clientConfig"))...)
	return append(errs, validateMatchConditions(h.conditions, false, known, p.Child("matchConditions"))...)
}

func validateReviewVersions(versions []string, p *field.Path) (errs field.ErrorList) {
	if len(versions) == 0 {
		return field.ErrorList{field.Required(p, "must specify one of "+strings.Join(reviewVersions, ", "))}
	}
	known, seen := false, map[string]bool{}
	for i, v := range versions {
		if seen[v] {
			errs = append(errs, field.Invalid(p.Index(i), v, "duplicate version"))
			continue
		}
		errs = append(errs, invalids(p.Index(i), v, dns1035(v))...)
		known, seen[v] = known || slices.Contains(reviewVersions, v), true
	}
	if !known {
		errs = append(errs, field.Invalid(p, versions, "must include at least one of "+strings.Join(reviewVersions, ", ")))
	}
	return errs
}

func validateHookClient(c *registrationv1.WebhookClientConfig, p *field.Path) field.ErrorList {
	switch {
	case (c.URL == nil) == (c.Service == nil):
		return field.ErrorList{field.Required(p, "exactly one of url or service is required")}
	case c.URL != nil:
		return validateHookURL(*c.URL, p.Child("url"))
	}
	return validateHookService(c.Service, p.Child("service"))
}

func validateHookURL(text string, p *field.Path) (errs field.ErrorList) {
	const form = "; desired format: https://host[/path]"
	u, err := url.Parse(text)
	if err != nil {
		return field.ErrorList{field.Required(p, "url must be a valid URL: "+err.Error()+form)}
	}
	if u.Scheme != "https" {
		errs = append(errs, field.Invalid(p, u.Scheme, "'https' is the only allowed URL scheme"+form))
	}
	if u.Host == "" {
		errs = append(errs, field.Invalid(p, u.Host, "host must be specified"+form))
	}
	if u.User != nil {
		errs = append(errs, field.Invalid(p, u.User.String(), "user information is not permitted in the URL"))
	}
	if u.Fragment != "" {
		errs = append(errs, field.Invalid(p, u.Fragment, "fragments are not permitted in the URL"))
	}
	if u.RawQuery != "" {
		errs = append(errs, field.Invalid(p, u.RawQuery, "query parameters are not permitted in the URL"))
	}
	return errs
}

func validateHookService(s *registrationv1.ServiceReference, p *field.Path) (errs field.ErrorList) {
	if s.Name == "" {
		errs = append(errs, field.Required(p.Child("name"), ""))
	}
	if s.Namespace == "" {
		errs = append(errs, field.Required(p.Child("namespace"), ""))
	}
	port := int32(0)
	if s.Port != nil {
		port = *s.Port
	}
	if bad := validation.IsValidPortNum(int(port)); bad != nil {
		errs = append(errs, field.Invalid(p.Child("port"), port, "port is not valid: "+strings.Join(bad, ", ")))
	}
	if s.Path == nil || *s.Path == "" || *s.Path == "/" {
		return errs
	}
	return append(errs, validateHookPath(*s.Path, p.Child("path"))...)
}

func validateHookPath(path string, p *field.Path) (errs field.ErrorList) {
	if path == "//" {
		return field.ErrorList{field.Invalid(p, path, "segment[0] may not be empty")}
	}
	if path[0] != '/' {
		errs = append(errs, field.Invalid(p, path, "must start with a '/'"))
	}
	for i, step := range strings.Split(strings.TrimSuffix(path[1:], "/"), "/") {
		if step == "" {
			errs = append(errs, field.Invalid(p, path, fmt.Sprintf("segment[%d] may not be empty", i)))
			continue
		}
		for _, complaint := range subdomain(step) {
			errs = append(errs, field.Invalid(p, path, fmt.Sprintf("segment[%d]: %v", i, complaint)))
		}
	}
	return errs
}
