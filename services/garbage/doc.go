// Package garbage deletes objects whose owners are all gone, and carries out the ways of deleting
// an owner: in the background, in the foreground (dependents first), and orphaning.
package garbage
