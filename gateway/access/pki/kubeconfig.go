package pki

import (
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Kubeconfig writes to file how the holder of client reaches the gateway at server
// ("https://127.0.0.1:6443"). Everything is in the file, so that it can be carried away.
func (s *Set) Kubeconfig(file, server string, client *Pair) error {
	key, err := client.KeyPEM()
	if err != nil {
		return err
	}
	const cluster = "taffrail"
	user := client.Leaf.Subject.CommonName
	config := clientcmdapi.NewConfig()
	config.Clusters[cluster] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: s.CAPEM}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: client.CertificatePEM(), ClientKeyData: key}
	config.Contexts[cluster] = &clientcmdapi.Context{Cluster: cluster, AuthInfo: user}
	config.CurrentContext = cluster
	content, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	return replace(file, content, 0o600)
}
