package admission

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"

	"taffrail.dev/gateway/kind"
)

func request(t *testing.T, signer, group string) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "ann", Organization: []string{group}}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return &certificatesv1.CertificateSigningRequest{ObjectMeta: meta("", "c"), Spec: certificatesv1.CertificateSigningRequestSpec{
		SignerName: signer, Request: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}),
	}}
}

func TestCertificateSubjectRestriction(t *testing.T) {
	t.Parallel()
	const client = certificatesv1.KubeAPIServerClientSignerName
	bad := request(t, client, "x")
	bad.Spec.Request = []byte("nonsense")
	const head = `certificatesigningrequests.certificates.k8s.io "c" is forbidden: `
	for _, c := range []struct {
		obj  kind.Object
		want string
	}{
		{request(t, client, "developers"), ""}, {request(t, "example.com/x", "system:masters"), ""},
		{request(t, client, "system:masters"), head + "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"},
		{bad, head + "failed to parse CSR: PEM block type must be CERTIFICATE REQUEST"},
	} {
		q := ask(&cluster{}, "create", "certificatesigningrequests", "", "c")
		wantText(t, CertificateSubjectRestriction{}.Admit(context.Background(), q, c.obj, nil), c.want)
	}
}

func TestSigners(t *testing.T) {
	t.Parallel()
	const head = `certificatesigningrequests.certificates.k8s.io "c" is forbidden: `
	may := func(_ context.Context, user kind.User, verb, group, resource, name string) (bool, error) {
		return group == "certificates.k8s.io" && resource == "signers" && user.Name == verb+" "+name, nil
	}
	was := request(t, "example.com/s", "x")
	signed := was.DeepCopy()
	signed.Status.Certificate = []byte("x")
	for _, c := range []struct {
		user, sub, want string
		plugin          Plugin
		obj             kind.Object
	}{
		{"approve example.com/s", "approval", "", CertificateApproval{may}, was},
		{"approve example.com/*", "approval", "", CertificateApproval{may}, was},
		{"sign example.com/s", "approval", head + `user not permitted to approve requests with signerName "example.com/s"`, CertificateApproval{may}, was},
		{"nobody", "status", "", CertificateApproval{may}, was},
		{"sign example.com/*", "status", "", CertificateSigning{may}, signed},
		{"nobody", "status", head + `user not permitted to sign requests with signerName "example.com/s"`, CertificateSigning{may}, signed},
		{"nobody", "status", "", CertificateSigning{may}, was},
	} {
		q := ask(&cluster{}, "update", "certificatesigningrequests/"+c.sub, "", "c")
		q.User.Name = c.user
		wantText(t, c.plugin.Admit(context.Background(), q, c.obj, was), c.want)
	}
}
