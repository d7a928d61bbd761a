// Package access says who is asking and whether they may: it authenticates by client certificate and
// service-account token, authorizes by RBAC and, for nodes, by what runs on them, and answers the reviews of
// authentication.k8s.io and authorization.k8s.io.
package access
