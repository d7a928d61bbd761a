// Package bootstraptokens deletes bootstrap tokens that have expired.
package bootstraptokens
