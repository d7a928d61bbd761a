// Package roles writes the rules of ClusterRoles that are made of others: those with an
// aggregationRule.
package roles
