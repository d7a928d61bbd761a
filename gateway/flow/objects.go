package flow

import (
	_ "embed"
	"fmt"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"taffrail.dev/gateway/kind"
)

//go:embed objects.yaml
var objectsYAML []byte

// layout is that of objects.yaml: a level without queues rejects, a schema without rules is for every request.
type layout struct {
	Levels []struct {
		Name     string `json:"name"`
		Exempt   bool   `json:"exempt"`
		Shares   int32  `json:"shares"`
		Lendable int32  `json:"lendable"`
		Queues   int32  `json:"queues"`
		Hand     int32  `json:"hand"`
	} `json:"levels"`
	Schemas []layoutSchema `json:"schemas"`
}

type layoutSchema struct {
	Name       string                                    `json:"name"`
	Level      string                                    `json:"level"`
	Precedence int32                                     `json:"precedence"`
	By         flowcontrolv1.FlowDistinguisherMethodType `json:"by"`
	Users      []string                                  `json:"users"`
	Groups     []string                                  `json:"groups"`
	AccountsOf string                                    `json:"accountsOf"`
	Resources  []flowcontrolv1.ResourcePolicyRule        `json:"resources"`
	URLs       []flowcontrolv1.NonResourcePolicyRule     `json:"urls"`
}

// queueLength is what every queue of the levels here holds at most.
const queueLength = 50

// Objects are the priority levels and flow schemas that every cluster has, levels first. Each call makes new ones.
func Objects() []kind.Object {
	var l layout
	if err := yaml.UnmarshalStrict(objectsYAML, &l); err != nil {
		panic(fmt.Sprintf("objects.yaml: %v", err))
	}
	var out []kind.Object
	for _, from := range l.Levels {
		level := &flowcontrolv1.PriorityLevelConfiguration{ObjectMeta: objectMeta(from.Name)}
		if level.Spec.Type = flowcontrolv1.PriorityLevelEnablementExempt; from.Exempt {
			level.Spec.Exempt = &flowcontrolv1.ExemptPriorityLevelConfiguration{NominalConcurrencyShares: new(int32), LendablePercent: new(int32)}
			out = append(out, level)
			continue
		}
		level.Spec.Type = flowcontrolv1.PriorityLevelEnablementLimited
		level.Spec.Limited = &flowcontrolv1.LimitedPriorityLevelConfiguration{NominalConcurrencyShares: &from.Shares, LendablePercent: &from.Lendable}
		response := &level.Spec.Limited.LimitResponse
		if response.Type = flowcontrolv1.LimitResponseTypeReject; from.Queues > 0 {
			response.Type = flowcontrolv1.LimitResponseTypeQueue
			response.Queuing = &flowcontrolv1.QueuingConfiguration{Queues: from.Queues, HandSize: from.Hand, QueueLengthLimit: queueLength}
		}
		out = append(out, level)
	}
	for i := range l.Schemas {
		out = append(out, l.Schemas[i].object())
	}
	return out
}

func objectMeta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Annotations: map[string]string{flowcontrolv1.AutoUpdateAnnotationKey: "true"}}
}

func (l *layoutSchema) object() *flowcontrolv1.FlowSchema {
	s := &flowcontrolv1.FlowSchema{ObjectMeta: objectMeta(l.Name)}
	s.Spec.PriorityLevelConfiguration.Name, s.Spec.MatchingPrecedence = l.Level, l.Precedence
	if l.By != "" {
		s.Spec.DistinguisherMethod = &flowcontrolv1.FlowDistinguisherMethod{Type: l.By}
	}
	rules := flowcontrolv1.PolicyRulesWithSubjects{ResourceRules: l.Resources, NonResourceRules: l.URLs}
	if l.Resources == nil && l.URLs == nil {
		all := []string{"*"}
		rules.ResourceRules = []flowcontrolv1.ResourcePolicyRule{{Verbs: all, APIGroups: all, Resources: all, ClusterScope: true, Namespaces: all}}
		rules.NonResourceRules = []flowcontrolv1.NonResourcePolicyRule{{Verbs: all, NonResourceURLs: all}}
	}
	for _, name := range l.Users {
		rules.Subjects = append(rules.Subjects, flowcontrolv1.Subject{Kind: flowcontrolv1.SubjectKindUser, User: &flowcontrolv1.UserSubject{Name: name}})
	}
	for _, name := range l.Groups {
		rules.Subjects = append(rules.Subjects, flowcontrolv1.Subject{Kind: flowcontrolv1.SubjectKindGroup, Group: &flowcontrolv1.GroupSubject{Name: name}})
	}
	if l.AccountsOf != "" {
		account := &flowcontrolv1.ServiceAccountSubject{Namespace: l.AccountsOf, Name: flowcontrolv1.NameAll}
		rules.Subjects = append(rules.Subjects, flowcontrolv1.Subject{Kind: flowcontrolv1.SubjectKindServiceAccount, ServiceAccount: account})
	}
	s.Spec.Rules = []flowcontrolv1.PolicyRulesWithSubjects{rules}
	return s
}
