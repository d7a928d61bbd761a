// Package certificates decides on requests for certificates: it approves those of nodes for
// themselves, signs what is approved for Kubernetes' own signers, and deletes what is done with.
package certificates
