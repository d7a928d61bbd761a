package kind

import (
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateSignerName checks "example.com/signer".
func validateSignerName(name string, p *field.Path) (errs field.ErrorList) {
	if name == "" {
		return field.ErrorList{field.Required(p, "")}
	}
	domain, path, ok := strings.Cut(name, "/")
	if !ok || strings.Contains(path, "/") {
		return field.ErrorList{field.Invalid(p, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")}
	}
	const maxDomain, maxLabel = validation.DNS1123SubdomainMaxLength, validation.DNS1123LabelMaxLength
	if len(domain) > maxDomain {
		errs = append(errs, field.TooLong(p, domain, maxDomain))
	}
	labels := func(s string, rule func(string) []string) (n int) {
		for l := range strings.SplitSeq(s, ".") {
			n++
			for _, complaint := range rule(l) {
				errs = append(errs, field.Invalid(p, s, fmt.Sprintf("validating label %q: %s", l, complaint)))
			}
		}
		return n
	}
	if labels(domain, dnsLabel) < 2 {
		errs = append(errs, field.Invalid(p, domain, "should be a domain with at least two segments separated by dots"))
	}
	labels(path, subdomain)
	if most := maxDomain + 1 + maxDomain + maxLabel + 1; len(name) > most {
		errs = append(errs, field.TooLong(p, name, most))
	}
	return errs
}
