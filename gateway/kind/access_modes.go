package kind

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// accessModes is the modes in kubectl's abbreviations, each once and in their order.
func accessModes(modes []corev1.PersistentVolumeAccessMode) string {
	var short []string
	for _, m := range []struct {
		mode  corev1.PersistentVolumeAccessMode
		short string
	}{
		{corev1.ReadWriteOnce, "RWO"}, {corev1.ReadOnlyMany, "ROX"}, {corev1.ReadWriteMany, "RWX"}, {corev1.ReadWriteOncePod, "RWOP"},
	} {
		if slices.Contains(modes, m.mode) {
			short = append(short, m.short)
		}
	}
	return strings.Join(short, ",")
}

// validateAccessModes checks the modes of a volume or a claim.
func validateAccessModes(modes []corev1.PersistentVolumeAccessMode, p *field.Path) (errs field.ErrorList) {
	if len(modes) == 0 {
		errs = append(errs, field.Required(p, "at least 1 access mode is required"))
	}
	alone, others := false, false
	for _, m := range modes {
		errs = append(errs, oneOfOrUnsupported(m, p, corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOnce, corev1.ReadWriteOncePod)...)
		alone, others = alone || m == corev1.ReadWriteOncePod, others || m != corev1.ReadWriteOncePod
	}
	if alone && others {
		errs = append(errs, field.Forbidden(p, "may not use ReadWriteOncePod with other access modes"))
	}
	return errs
}

func validateVolumeMode(m *corev1.PersistentVolumeMode, p *field.Path) field.ErrorList {
	if m == nil {
		return nil
	}
	return oneOfOrUnsupported(*m, p, corev1.PersistentVolumeBlock, corev1.PersistentVolumeFilesystem)
}

// validateStorage checks a size, which has to be above zero.
func validateStorage(list corev1.ResourceList, p *field.Path) field.ErrorList {
	q, ok := list[corev1.ResourceStorage]
	at := p.Key(string(corev1.ResourceStorage))
	switch {
	case !ok:
		return field.ErrorList{field.Required(at, "")}
	case q.Sign() <= 0:
		return field.ErrorList{field.Invalid(at, q.String(), "must be greater than zero")}
	}
	return nil
}

func classAnnotationWarnings(annotations map[string]string) []string {
	if _, ok := annotations[corev1.BetaStorageClassAnnotation]; !ok {
		return nil
	}
	return []string{fmt.Sprintf("metadata.annotations[%s]: deprecated since v1.8; use \"storageClassName\" attribute instead", corev1.BetaStorageClassAnnotation)}
}

// storageWarnings tells of sizes that are not whole bytes.
func storageWarnings(list corev1.ResourceList, path string) []string {
	q, ok := list[corev1.ResourceStorage]
	if !ok || q.MilliValue()%1000 == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s[storage]: fractional byte value %q is invalid, must be an integer", path, q.String())}
}
