// Package deployment rolls Deployments out: a ReplicaSet per template, scaled up and down as the
// strategy, the pauses and the deadline of the Deployment say, with its progress in the status.
package deployment
