package admission

import (
	"context"
	"reflect"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"

	"taffrail.dev/gateway/kind"
)

// Nobody asks for a certificate in another's name.
func TestCertificateRequester(t *testing.T) {
	t.Parallel()
	claimed := certificatesv1.CertificateSigningRequestSpec{
		SignerName: "example.com/a", Username: "admin", UID: "0", Groups: []string{"system:masters"},
		Extra: map[string]certificatesv1.ExtraValue{"scopes": {"all"}},
	}
	q := ask(nil, "create", "certificatesigningrequests", "", "a")
	for _, user := range []kind.User{
		{Name: "jane", UID: "7", Groups: []string{"staff"}, Extra: map[string][]string{"scopes": {"some"}}},
		{Name: "system:anonymous"},
	} {
		q.User = user
		r := &certificatesv1.CertificateSigningRequest{Spec: *claimed.DeepCopy()}
		if err := (CertificateRequester{}).Admit(context.Background(), q, r, nil); err != nil {
			t.Fatal(err)
		}
		want := certificatesv1.CertificateSigningRequestSpec{SignerName: "example.com/a", Username: user.Name, UID: user.UID, Groups: user.Groups}
		if user.Extra != nil {
			want.Extra = map[string]certificatesv1.ExtraValue{"scopes": {"some"}}
		}
		if !reflect.DeepEqual(r.Spec, want) {
			t.Errorf("%s: %+v, want %+v", user.Name, r.Spec, want)
		}
	}
	approval := &certificatesv1.CertificateSigningRequest{Spec: *claimed.DeepCopy()}
	if err := (CertificateRequester{}).Admit(context.Background(), ask(nil, "update", "certificatesigningrequests/approval", "", "a"), approval, approval); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(approval.Spec, claimed) {
		t.Errorf("an approval changed the requester: %+v", approval.Spec)
	}
}
