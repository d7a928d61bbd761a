package kind

import (
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateLabels checks keys and values of a label map.
func ValidateLabels(m map[string]string, p *field.Path) (errs field.ErrorList) {
	for k, v := range m {
		errs = append(errs, invalids(p, k, qualifiedName(k))...)
		errs = append(errs, invalids(p, v, labelValue(v))...)
	}
	return errs
}

// validateSelector checks a label selector; nil is valid.
func validateSelector(s *metav1.LabelSelector, p *field.Path) (errs field.ErrorList) {
	if s == nil {
		return nil
	}
	errs = ValidateLabels(s.MatchLabels, p.Child("matchLabels"))
	for i, r := range s.MatchExpressions {
		errs = append(errs, metavalidation.ValidateLabelSelectorRequirement(r,
			metavalidation.LabelSelectorValidationOptions{}, p.Child("matchExpressions").Index(i))...)
	}
	return errs
}

// validateAnnotations checks the keys of annotations, whose case does not count, and their size.
func validateAnnotations(m map[string]string, p *field.Path) (errs field.ErrorList) {
	total := 0
	for k, v := range m {
		errs = append(errs, invalids(p, k, qualifiedName(strings.ToLower(k)))...)
		total += len(k) + len(v)
	}
	if total > apivalidation.TotalAnnotationSizeLimitB {
		errs = append(errs, field.TooLong(p, "", apivalidation.TotalAnnotationSizeLimitB))
	}
	return errs
}
