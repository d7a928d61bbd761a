// Package protection lets go of volume claims and volumes that are to be deleted once nothing uses
// them, and not before.
package protection
