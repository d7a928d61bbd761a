// Package discovery serves what a client asks before it asks for anything else: the groups, versions and
// resources there are (plain and aggregated), the OpenAPI documents, the version, health and metrics.
package discovery
