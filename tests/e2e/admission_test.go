package e2e

import (
	"strings"
	"testing"
)

// policy lets nothing of a namespace be called bad.
const policy = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: NAME}
spec:
  matchConstraints: {resourceRules: [{operations: [CREATE], apiGroups: [""], apiVersions: [v1], resources: [configmaps]}]}
  validations: [{expression: "object.metadata.name != 'bad'", messageExpression: "'no ' + object.metadata.name + ' names'"}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: NAME}
spec:
  policyName: NAME
  validationActions: [Deny]
  matchResources: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: NAME}}}
`

// What users configure of admission is told by kubectl as they know it.
func TestAdmission(t *testing.T) {
	t.Parallel()
	ns := namespace(t)
	text := strings.ReplaceAll(policy, "NAME", ns)
	contains(t, shared.MustApply(t, text, "apply", "-f", "-"), "validatingadmissionpolicy.admissionregistration.k8s.io/"+ns+" created",
		"validatingadmissionpolicybinding.admissionregistration.k8s.io/"+ns+" created")
	t.Cleanup(func() { shared.MustApply(t, text, "delete", "-f", "-") })
	contains(t, shared.Must(t, "get", "validatingadmissionpolicies", ns), "VALIDATIONS", "PARAMKIND", "<unset>")
	shared.Refused(t, "", `configmaps "bad" is forbidden: ValidatingAdmissionPolicy '`+ns+`' with binding '`+ns+`' denied request: no bad names`,
		"create", "configmap", "-n", ns, "bad")
	shared.Must(t, "create", "configmap", "-n", ns, "good")

	shared.Must(t, "label", "namespace", ns, "pod-security.kubernetes.io/enforce=baseline")
	shared.Refused(t, "", `violates PodSecurity "baseline:latest": privileged`,
		"run", "-n", ns, "mighty", "--image=x", `--overrides={"spec":{"containers":[{"name":"mighty","image":"x","securityContext":{"privileged":true}}]}}`)
}
