package webhook

import (
	"testing"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/events/subject"
	"taffrail.dev/gateway/kind"
)

func configuration(name, version string, hooks ...string) kind.Object {
	c := &registrationv1.ValidatingWebhookConfiguration{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: version}}
	for _, h := range hooks {
		c.Webhooks = append(c.Webhooks, registrationv1.ValidatingWebhook{Name: h, ClientConfig: registrationv1.WebhookClientConfig{URL: text("https://h")}})
	}
	return c
}

func TestOnlyWhatChangedIsCompiledAgain(t *testing.T) {
	t.Parallel()
	o := objects{kind.ValidatingWebhooks: {configuration("a", "1", "x.y.z"), configuration("b", "2", "x.y.z")}}
	h := New(Config{Objects: o})
	first := h.validators.Now()
	if h.validators.Now() != first {
		t.Error("compiled without a change")
	}
	o[kind.ValidatingWebhooks] = []kind.Object{configuration("a", "1", "x.y.z"), configuration("b", "3", "x.y.z", "u.v.w")}
	h.Changed(subject.Object{Resource: kind.ValidatingWebhooks, Name: "b"})
	second := h.validators.Now()
	if len(second.hooks) != 3 || second.hooks[0] != first.hooks[0] || second.hooks[1] == first.hooks[1] {
		t.Errorf("%d hooks after the change", len(second.hooks))
	}
	if h.Watches(subject.Pods) || !h.Watches(kind.MutatingWebhooks) {
		t.Error("watches the wrong resources")
	}
}
