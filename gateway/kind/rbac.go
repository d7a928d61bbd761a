package kind

import (
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func rbac(kind string) *Kind {
	return &Kind{GroupVersionKind: gvk(rbacv1.GroupName, "v1", kind), Resource: strings.ToLower(kind) + "s", NameRule: PathName}
}

func roleKind() *Kind {
	k := rbac("Role")
	k.Namespaced = true
	k.New = func() Object { return new(rbacv1.Role) }
	k.NewList = func() runtime.Object { return new(rbacv1.RoleList) }
	k.Validate = validates(func(r, _ *rbacv1.Role) field.ErrorList { return validateRules(r.Rules, true) })
	k.Columns = []Column{createdAt}
	return k
}

func clusterRoleKind() *Kind {
	k := rbac("ClusterRole")
	k.New = func() Object { return new(rbacv1.ClusterRole) }
	k.NewList = func() runtime.Object { return new(rbacv1.ClusterRoleList) }
	k.Validate = validates(func(r, _ *rbacv1.ClusterRole) field.ErrorList {
		errs := validateRules(r.Rules, false)
		if r.AggregationRule == nil {
			return errs
		}
		at := field.NewPath("aggregationRule", "clusterRoleSelectors")
		if len(r.AggregationRule.ClusterRoleSelectors) == 0 {
			errs = append(errs, field.Required(at, "at least one clusterRoleSelector required if aggregationRule is non-nil"))
		}
		for i := range r.AggregationRule.ClusterRoleSelectors {
			errs = append(errs, validateSelector(&r.AggregationRule.ClusterRoleSelectors[i], at.Index(i))...)
		}
		return errs
	})
	k.Columns = []Column{createdAt}
	return k
}

// createdAt is the column that roles have in place of an age.
var createdAt = Column{
	Name: "Created At", Type: "date",
	Value: func(obj Object, _ time.Time) any { return obj.GetCreationTimestamp().UTC().Format(time.RFC3339) },
}

func validateRules(rules []rbacv1.PolicyRule, namespaced bool) (errs field.ErrorList) {
	for i := range rules {
		r, at := &rules[i], field.NewPath("rules").Index(i)
		if len(r.Verbs) == 0 {
			errs = append(errs, field.Required(at.Child("verbs"), "verbs must contain at least one value"))
		}
		if len(r.NonResourceURLs) > 0 {
			if namespaced {
				errs = append(errs, field.Invalid(at.Child("nonResourceURLs"), r.NonResourceURLs, "namespaced rules cannot apply to non-resource URLs"))
			}
			if len(r.APIGroups) > 0 || len(r.Resources) > 0 || len(r.ResourceNames) > 0 {
				errs = append(errs, field.Invalid(at.Child("nonResourceURLs"), r.NonResourceURLs, "rules cannot apply to both regular resources and non-resource URLs"))
			}
			continue
		}
		if len(r.APIGroups) == 0 {
			errs = append(errs, field.Required(at.Child("apiGroups"), "resource rules must supply at least one api group"))
		}
		if len(r.Resources) == 0 {
			errs = append(errs, field.Required(at.Child("resources"), "resource rules must supply at least one resource"))
		}
	}
	return errs
}

func roleBindingKind() *Kind {
	k := rbac("RoleBinding")
	k.Namespaced = true
	k.New = func() Object { return new(rbacv1.RoleBinding) }
	k.NewList = func() runtime.Object { return new(rbacv1.RoleBindingList) }
	k.Default = on(func(b *rbacv1.RoleBinding) { defaultBinding(&b.RoleRef, b.Subjects) })
	k.Validate = validates(func(b, old *rbacv1.RoleBinding) field.ErrorList {
		errs := validateRoleRef(b.RoleRef, "Role", "ClusterRole")
		errs = append(errs, validateSubjects(b.Subjects, true)...)
		if old != nil && b.RoleRef != old.RoleRef {
			errs = append(errs, field.Invalid(field.NewPath("roleRef"), b.RoleRef, "cannot change roleRef"))
		}
		return errs
	})
	k.Columns = bindingColumns(func(obj Object) (rbacv1.RoleRef, []rbacv1.Subject) {
		b := obj.(*rbacv1.RoleBinding)
		return b.RoleRef, b.Subjects
	})
	return k
}

func clusterRoleBindingKind() *Kind {
	k := rbac("ClusterRoleBinding")
	k.New = func() Object { return new(rbacv1.ClusterRoleBinding) }
	k.NewList = func() runtime.Object { return new(rbacv1.ClusterRoleBindingList) }
	k.Default = on(func(b *rbacv1.ClusterRoleBinding) { defaultBinding(&b.RoleRef, b.Subjects) })
	k.Validate = validates(func(b, old *rbacv1.ClusterRoleBinding) field.ErrorList {
		errs := validateRoleRef(b.RoleRef, "ClusterRole")
		errs = append(errs, validateSubjects(b.Subjects, false)...)
		if old != nil && b.RoleRef != old.RoleRef {
			errs = append(errs, field.Invalid(field.NewPath("roleRef"), b.RoleRef, "cannot change roleRef"))
		}
		return errs
	})
	k.Columns = bindingColumns(func(obj Object) (rbacv1.RoleRef, []rbacv1.Subject) {
		b := obj.(*rbacv1.ClusterRoleBinding)
		return b.RoleRef, b.Subjects
	})
	return k
}

func defaultBinding(ref *rbacv1.RoleRef, subjects []rbacv1.Subject) {
	setDefault(&ref.APIGroup, rbacv1.GroupName)
	for i := range subjects {
		if s := &subjects[i]; s.Kind == rbacv1.UserKind || s.Kind == rbacv1.GroupKind {
			setDefault(&s.APIGroup, rbacv1.GroupName)
		}
	}
}

func validateRoleRef(ref rbacv1.RoleRef, kinds ...string) (errs field.ErrorList) {
	at := field.NewPath("roleRef")
	if ref.APIGroup != rbacv1.GroupName {
		errs = append(errs, field.NotSupported(at.Child("apiGroup"), ref.APIGroup, []string{rbacv1.GroupName}))
	}
	if !slices.Contains(kinds, ref.Kind) {
		errs = append(errs, field.NotSupported(at.Child("kind"), ref.Kind, kinds))
	}
	if ref.Name == "" {
		return append(errs, field.Required(at.Child("name"), ""))
	}
	return append(errs, invalids(at.Child("name"), ref.Name, PathName(ref.Name, false))...)
}

func validateSubjects(subjects []rbacv1.Subject, namespaced bool) (errs field.ErrorList) {
	for i, s := range subjects {
		at := field.NewPath("subjects").Index(i)
		if s.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		}
		switch s.Kind {
		case rbacv1.ServiceAccountKind:
			if s.Name != "" {
				errs = append(errs, invalids(at.Child("name"), s.Name, subdomain(s.Name))...)
			}
			if s.APIGroup != "" {
				errs = append(errs, field.NotSupported(at.Child("apiGroup"), s.APIGroup, []string{""}))
			}
			if !namespaced && s.Namespace == "" {
				errs = append(errs, field.Required(at.Child("namespace"), ""))
			}
		case rbacv1.UserKind, rbacv1.GroupKind:
			if s.APIGroup != rbacv1.GroupName {
				errs = append(errs, field.NotSupported(at.Child("apiGroup"), s.APIGroup, []string{rbacv1.GroupName}))
			}
		default:
			errs = append(errs, field.NotSupported(at.Child("kind"), s.Kind, []string{rbacv1.ServiceAccountKind, rbacv1.UserKind, rbacv1.GroupKind}))
		}
	}
	return errs
}

func bindingColumns(of func(Object) (rbacv1.RoleRef, []rbacv1.Subject)) []Column {
	named := func(name, kind string) Column {
		return Column{Name: name, Type: "string", Priority: 1, Value: func(obj Object, _ time.Time) any {
			_, subjects := of(obj)
			var names []string
			for _, s := range subjects {
				switch {
				case s.Kind != kind:
				case kind == rbacv1.ServiceAccountKind:
					names = append(names, s.Namespace+"/"+s.Name)
				default:
					names = append(names, s.Name)
				}
			}
			return strings.Join(names, ", ")
		}}
	}
	return []Column{
		{Name: "Role", Type: "string", Value: func(obj Object, _ time.Time) any {
			ref, _ := of(obj)
			return ref.Kind + "/" + ref.Name
		}},
		ageColumn,
		named("Users", rbacv1.UserKind), named("Groups", rbacv1.GroupKind), named("ServiceAccounts", rbacv1.ServiceAccountKind),
	}
}
