// Package disruption tells of every disruption budget how many of its pods are healthy and how many may
// go: the status that people and drains read.
package disruption
