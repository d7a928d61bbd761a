package access

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"taffrail.dev/gateway/kind"
)

func requestOf(t *testing.T, signer string, groups ...string) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	body, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "jane", Organization: groups}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "jane"},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			SignerName: signer, Request: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: body}),
		},
	}
}

func TestSigners(t *testing.T) {
	t.Parallel()
	const group = "certificates.k8s.io"
	a := NewAuthorizer(newMemory(
		clusterRole("approves", allow("approve", group, "signers", "example.com/client")), clusterRole("signs", allow("sign", group, "signers", "example.com/*")),
		clusterBinding("ann", "approves", userSubject("ann")), clusterBinding("bob", "signs", userSubject("bob")),
	), nil)
	plugin := Signers{a.Authorize}
	kinds := kind.All(kind.Hooks{})
	var csr *kind.Kind
	for _, k := range kinds {
		if k.Resource == "certificatesigningrequests" {
			csr = k
		}
	}
	client, other := requestOf(t, "example.com/client"), requestOf(t, "example.org/client")
	issued := client.DeepCopy()
	issued.Status.Certificate = []byte("x")
	for name, c := range map[string]struct {
		user, subresource string
		obj, old          kind.Object
		want              string
	}{
		"a request":                      {"ann", "", client, nil, ""},
		"a master's request":             {"ann", "", requestOf(t, certificatesv1.KubeAPIServerClientSignerName, "system:masters"), nil, "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"},
		"a master's request, elsewhere":  {"ann", "", requestOf(t, "example.com/client", "system:masters"), nil, ""},
		"an approval":                    {"ann", "approval", client, client, ""},
		"another's approval":             {"bob", "approval", client, client, `certificatesigningrequests.certificates.k8s.io "jane" is forbidden: user not permitted to approve requests with signerName "example.com/client"`},
		"an approval by another's name":  {"ann", "approval", client, other, `requests with signerName "example.org/client"`},
		"an issuance, by the domain":     {"bob", "status", issued, client, ""},
		"another's issuance":             {"ann", "status", issued, client, `user not permitted to sign requests with signerName "example.com/client"`},
		"a status as it was":             {"ann", "status", client, client, ""},
		"labels":                         {"ann", "", client, client, ""},
		"of another kind":                {"ann", "", clusterRole("r"), nil, ""},
		"a master's request, no request": {"ann", "", &certificatesv1.CertificateSigningRequest{Spec: certificatesv1.CertificateSigningRequestSpec{SignerName: certificatesv1.KubeAPIServerClientSignerName}}, nil, ""},
	} {
		r := &kind.Request{User: member(c.user), Kind: csr, Subresource: c.subresource, Name: "jane"}
		err := plugin.Admit(context.Background(), r, c.obj, c.old)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
