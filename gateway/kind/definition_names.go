package kind

import (
	"errors"
	"fmt"
	"slices"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apiextensions-apiserver/pkg/apihelpers"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"taffrail.dev/events/subject"
)

// DefinitionNames are the internal objects that stand for a name that a definition has in its group: named like
// "kind:Backup.example.com", so that no two definitions can have it.
var DefinitionNames = subject.Resource{Group: "internal.taffrail.dev", Name: "definitionnames"}

// definitionNameKind is the kind behind DefinitionNames; an IPAddress has all that it needs, as for ports.
func definitionNameKind() *Kind {
	return &Kind{
		GroupVersionKind: gvk(DefinitionNames.Group, "v1", "DefinitionName"), Resource: DefinitionNames.Name, Internal: true,
		New:     func() Object { return new(networkingv1.IPAddress) },
		NewList: func() runtime.Object { return new(networkingv1.IPAddressList) },
	}
}

func resourceClaim(group, name string) string { return "resource:" + name + "." + group }
func kindClaim(group, name string) string     { return "kind:" + name + "." + group }

// claims are the objects that stand for names; none for a name that is empty.
func claims(group string, n *apiextensionsv1.CustomResourceDefinitionNames) []string {
	var out []string
	add := func(claim func(group, name string) string, names ...string) {
		for _, name := range names {
			if c := claim(group, name); name != "" && !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	add(resourceClaim, n.Plural, n.Singular)
	add(resourceClaim, n.ShortNames...)
	add(kindClaim, n.Kind, n.ListKind)
	return out
}

// Claimant is the definition that has a name, by the object that stands for it.
func Claimant(claim Object) string {
	if p := claim.(*networkingv1.IPAddress).Spec.ParentRef; p != nil {
		return p.Name
	}
	return ""
}

// allocateDefinition gives a definition the names that it asks for and nobody else has, each with the object that
// keeps others from having it, and says in its conditions what came of it. It takes back what is no longer used.
func allocateDefinition(now func() time.Time) func(tx Tx, obj, old Object) error {
	return func(tx Tx, obj, old Object) error {
		var held []string
		if old != nil {
			was := old.(*apiextensionsv1.CustomResourceDefinition)
			held = claims(was.Spec.Group, &was.Status.AcceptedNames)
		}
		var wanted []string
		if obj != nil {
			d := obj.(*apiextensionsv1.CustomResourceDefinition)
			n := naming{tx: tx, d: d}
			n.accept()
			n.conditions(metav1.NewTime(now().Truncate(time.Second)))
			wanted = claims(d.Spec.Group, &d.Status.AcceptedNames)
			for _, c := range wanted {
				if _, taken := tx.Get(DefinitionNames, "", c); !taken {
					tx.Create(DefinitionNames, claimOf(c, d.Name))
				}
			}
		}
		for _, c := range held {
			if !slices.Contains(wanted, c) {
				tx.Delete(DefinitionNames, "", c)
			}
		}
		return nil
	}
}

func claimOf(name, definition string) *networkingv1.IPAddress {
	return &networkingv1.IPAddress{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: networkingv1.IPAddressSpec{
		ParentRef: &networkingv1.ParentReference{Group: CustomResourceDefinitions.Group, Resource: CustomResourceDefinitions.Name, Name: definition},
	}}
}

// naming decides which names a definition has.
type naming struct {
	tx             Tx
	d              *apiextensionsv1.CustomResourceDefinition
	reason, detail string
}

func (n *naming) taken(claim string) bool {
	c, ok := n.tx.Get(DefinitionNames, "", claim)
	return ok && Claimant(c) != n.d.Name
}

// fresh keeps the first conflict's reason last, as the most telling of several is the kind's.
func (n *naming) fresh(reason string, claim func(group, name string) string, names ...string) bool {
	var errs []error
	for _, name := range names {
		if n.taken(claim(n.d.Spec.Group, name)) {
			errs = append(errs, fmt.Errorf("%q is already in use", name))
		}
	}
	if len(errs) == 0 {
		return true
	}
	n.reason, n.detail = reason, errors.Join(errs...).Error()
	return false
}

func (n *naming) accept() {
	want, have := &n.d.Spec.Names, &n.d.Status.AcceptedNames
	if n.fresh("PluralConflict", resourceClaim, want.Plural) {
		have.Plural = want.Plural
	}
	if n.fresh("SingularConflict", resourceClaim, want.Singular) {
		have.Singular = want.Singular
	}
	if n.fresh("ShortNamesConflict", resourceClaim, want.ShortNames...) {
		have.ShortNames = want.ShortNames
	}
	if n.fresh("KindConflict", kindClaim, want.Kind) {
		have.Kind = want.Kind
	}
	if n.fresh("ListKindConflict", kindClaim, want.ListKind) {
		have.ListKind = want.ListKind
	}
	have.Categories = want.Categories
}

func (n *naming) conditions(now metav1.Time) {
	accepted := apiextensionsv1.CustomResourceDefinitionCondition{
		Type: apiextensionsv1.NamesAccepted, Status: apiextensionsv1.ConditionTrue, Reason: "NoConflicts", Message: "no conflicts found",
	}
	established := apiextensionsv1.CustomResourceDefinitionCondition{
		Type: apiextensionsv1.Established, Status: apiextensionsv1.ConditionTrue, Reason: "InitialNamesAccepted",
		Message: "the initial names have been accepted",
	}
	if n.reason != "" {
		accepted.Status, accepted.Reason, accepted.Message = apiextensionsv1.ConditionFalse, n.reason, n.detail
		established.Status, established.Reason, established.Message = apiextensionsv1.ConditionFalse, "NotAccepted", "not all names are accepted"
	}
	SetDefinitionCondition(n.d, accepted, now)
	// A kind that was established once stays so, by the names that it had.
	if !apihelpers.IsCRDConditionTrue(n.d, apiextensionsv1.Established) {
		SetDefinitionCondition(n.d, established, now)
	}
	if apihelpers.IsProtectedCommunityGroup(n.d.Spec.Group) {
		SetDefinitionCondition(n.d, approval(n.d), now)
	}
}

func approval(d *apiextensionsv1.CustomResourceDefinition) apiextensionsv1.CustomResourceDefinitionCondition {
	state, reason := apihelpers.GetAPIApprovalState(d.Annotations)
	c := apiextensionsv1.CustomResourceDefinitionCondition{Type: apiextensionsv1.KubernetesAPIApprovalPolicyConformant, Message: reason}
	switch state {
	case apihelpers.APIApproved:
		c.Status, c.Reason = apiextensionsv1.ConditionTrue, "ApprovedAnnotation"
	case apihelpers.APIApprovalBypassed:
		c.Status, c.Reason = apiextensionsv1.ConditionFalse, "UnapprovedAnnotation"
	case apihelpers.APIApprovalMissing:
		c.Status, c.Reason = apiextensionsv1.ConditionFalse, "MissingAnnotation"
	default:
		c.Status, c.Reason = apiextensionsv1.ConditionFalse, "InvalidAnnotation"
	}
	return c
}

// SetDefinitionCondition gives a definition a condition; its time is that of its status' last change.
func SetDefinitionCondition(d *apiextensionsv1.CustomResourceDefinition, c apiextensionsv1.CustomResourceDefinitionCondition, now metav1.Time) {
	c.LastTransitionTime = now
	have := apihelpers.FindCRDCondition(d, c.Type)
	if have == nil {
		d.Status.Conditions = append(d.Status.Conditions, c)
		return
	}
	if have.Status == c.Status {
		c.LastTransitionTime = have.LastTransitionTime
	}
	*have = c
}

// NamesFree says whether nobody else has a name that a definition asks for.
func NamesFree(r Reader, d *apiextensionsv1.CustomResourceDefinition) bool {
	return !slices.ContainsFunc(claims(d.Spec.Group, &d.Spec.Names), func(claim string) bool {
		c, ok := r.Get(DefinitionNames, "", claim)
		return ok && Claimant(c) != d.Name
	})
}
