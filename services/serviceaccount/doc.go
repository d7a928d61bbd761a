// Package serviceaccount gives every namespace what its pods count on: the ServiceAccount
// default and the ConfigMap kube-root-ca.crt with the cluster's CA.
package serviceaccount
