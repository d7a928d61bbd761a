package subject

import (
	"errors"
	"strings"
)

// Tokens carry any text: bytes that a NATS token may not hold are written %XX,
// and the empty text is a lone %. The writing is canonical: one text, one token.
const (
	escapeByte = '%'
	emptyToken = "%"
	hexDigits  = "0123456789ABCDEF"
)

var errToken = errors.New("not a token of a subject")

func plain(c byte) bool {
	return c > ' ' && c != 0x7f && c != '.' && c != '*' && c != '>' && c != escapeByte
}

func appendToken(b []byte, text string) []byte {
	if text == "" {
		return append(b, emptyToken...)
	}
	for i := range len(text) {
		if c := text[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, escapeByte, hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return b
}

// join builds a subject of a literal prefix and tokens.
func join(prefix string, texts ...string) string {
	n := len(prefix)
	for _, t := range texts {
		n += len(t) + 4
	}
	b := append(make([]byte, 0, n), prefix...)
	for _, t := range texts {
		b = appendToken(append(b, '.'), t)
	}
	return string(b)
}

// split undoes join; it takes exactly the tokens that join writes.
func split(subject string) ([]string, error) {
	tokens := strings.Split(subject, ".")
	for i, t := range tokens {
		text, err := parseToken(t)
		if err != nil {
			return nil, err
		}
		tokens[i] = text
	}
	return tokens, nil
}

func parseToken(token string) (string, error) {
	if token == emptyToken {
		return "", nil
	}
	if token == "" {
		return "", errToken
	}
	if clean(token) {
		return token, nil
	}
	b := make([]byte, 0, len(token))
	for i := 0; i < len(token); i++ {
		c := token[i]
		if c != escapeByte {
			if !plain(c) {
				return "", errToken
			}
			b = append(b, c)
			continue
		}
		if i+2 >= len(token) {
			return "", errToken
		}
		hi, lo := strings.IndexByte(hexDigits, token[i+1]), strings.IndexByte(hexDigits, token[i+2])
		if hi < 0 || lo < 0 || plain(byte(hi<<4|lo)) {
			return "", errToken
		}
		b = append(b, byte(hi<<4|lo))
		i += 2
	}
	return string(b), nil
}

func clean(token string) bool {
	for i := range len(token) {
		if !plain(token[i]) {
			return false
		}
	}
	return true
}
