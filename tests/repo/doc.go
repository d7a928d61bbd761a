// Package repo has the house rules as tests. A rule reads a tree and names what
// breaks it; it must find nothing in this repository, and something in its fixture.
package repo
