// Package replicaset keeps as many pods as each ReplicaSet asks for: it adopts and releases pods
// by selector, creates the missing, deletes the surplus, least wanted first, and says in the
// status what there is.
package replicaset
