package kind

import (
	"fmt"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// everyRequest is rules that groups' requests of any kind match.
func everyRequest(groups ...string) flowcontrolv1.PolicyRulesWithSubjects {
	all := []string{"*"}
	r := flowcontrolv1.PolicyRulesWithSubjects{
		ResourceRules: []flowcontrolv1.ResourcePolicyRule{{
			Verbs: all, APIGroups: all, Resources: all, ClusterScope: true, Namespaces: []string{flowcontrolv1.NamespaceEvery},
		}},
		NonResourceRules: []flowcontrolv1.NonResourcePolicyRule{{Verbs: all, NonResourceURLs: all}},
	}
	for _, g := range groups {
		r.Subjects = append(r.Subjects, flowcontrolv1.Subject{Kind: flowcontrolv1.SubjectKindGroup, Group: &flowcontrolv1.GroupSubject{Name: g}})
	}
	return r
}

// mandatorySchemas are the flow schemas of which nobody may have others.
var mandatorySchemas = map[string]flowcontrolv1.FlowSchemaSpec{
	flowcontrolv1.FlowSchemaNameExempt: {
		PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: flowcontrolv1.PriorityLevelConfigurationNameExempt},
		MatchingPrecedence:         1,
		Rules:                      []flowcontrolv1.PolicyRulesWithSubjects{everyRequest("system:masters")},
	},
	flowcontrolv1.FlowSchemaNameCatchAll: {
		PriorityLevelConfiguration: flowcontrolv1.PriorityLevelConfigurationReference{Name: flowcontrolv1.PriorityLevelConfigurationNameCatchAll},
		MatchingPrecedence:         10000,
		DistinguisherMethod:        &flowcontrolv1.FlowDistinguisherMethod{Type: flowcontrolv1.FlowDistinguisherMethodByUserType},
		Rules:                      []flowcontrolv1.PolicyRulesWithSubjects{everyRequest("system:unauthenticated", "system:authenticated")},
	},
}

// mandatoryLevels are the priority levels of which nobody may have others.
var mandatoryLevels = map[string]flowcontrolv1.PriorityLevelConfigurationSpec{
	flowcontrolv1.PriorityLevelConfigurationNameExempt: {Type: flowcontrolv1.PriorityLevelEnablementExempt},
	flowcontrolv1.PriorityLevelConfigurationNameCatchAll: {
		Type: flowcontrolv1.PriorityLevelEnablementLimited,
		Limited: &flowcontrolv1.LimitedPriorityLevelConfiguration{
			NominalConcurrencyShares: ptr[int32](5), LendablePercent: new(int32),
			LimitResponse: flowcontrolv1.LimitResponse{Type: flowcontrolv1.LimitResponseTypeReject},
		},
	},
}

func validateMandatorySchema(f *flowcontrolv1.FlowSchema) field.ErrorList {
	want, ok := mandatorySchemas[f.Name]
	if !ok || equality.Semantic.DeepEqual(f.Spec, want) {
		return nil
	}
	return field.ErrorList{field.Invalid(specPath, f.Spec, fmt.Sprintf("spec of '%s' must equal the fixed value", f.Name))}
}

func validateMandatoryLevel(l *flowcontrolv1.PriorityLevelConfiguration) field.ErrorList {
	want, ok := mandatoryLevels[l.Name]
	if !ok {
		return nil
	}
	text := "spec of '%s' must equal the fixed value"
	if l.Name == flowcontrolv1.PriorityLevelConfigurationNameExempt {
		want.Exempt = l.Spec.Exempt
		text = "spec of '%s' except the 'spec.exempt' field must equal the fixed value"
	}
	if equality.Semantic.DeepEqual(l.Spec, want) {
		return nil
	}
	return field.ErrorList{field.Invalid(specPath, l.Spec, fmt.Sprintf(text, l.Name))}
}
