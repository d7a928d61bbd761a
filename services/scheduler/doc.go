// Package scheduler decides on which node each pod runs.
//
// It folds nodes, pods and what pods' constraints speak of, keeps every node's sums
// up to date as events arrive, and answers each unbound pod with a binding or with a
// refusal that says how many nodes refused it and why. Pods that look alike to the
// scheduler form a class, and what a class thinks of a node is computed once per
// change of that node: a decision costs one pass over an array.
package scheduler
