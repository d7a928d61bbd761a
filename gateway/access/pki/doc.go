// Package pki keeps a cluster's keys and certificates as files in one directory: the
// authority, the gateway's and the nodes' certificates, the administrator's, and the key that
// signs service-account tokens.
//
// A key and its certificate are one file, replaced by a rename, so that no crash leaves
// one without the other. Ensure may be called at every start: it issues what is missing, what
// is about to expire, and what does not name the hosts it should.
package pki
