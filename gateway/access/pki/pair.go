package pki

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
)

// Pair is a private key with its certificate, and the file that holds both.
type Pair struct {
	File string
	Key  *ecdsa.PrivateKey
	Leaf *x509.Certificate
}

// TLS is the pair for a tls.Config.
func (p *Pair) TLS() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{p.Leaf.Raw}, PrivateKey: p.Key, Leaf: p.Leaf}
}

// CertificatePEM is the certificate alone.
func (p *Pair) CertificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Leaf.Raw})
}

// KeyPEM is the private key alone.
func (p *Pair) KeyPEM() ([]byte, error) { return encodeKey(p.Key) }

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func (p *Pair) write() error {
	key, err := p.KeyPEM()
	if err != nil {
		return err
	}
	return replace(p.File, append(p.CertificatePEM(), key...), 0o600)
}

// readPair reads a pair; nil without error if there is no such file.
func readPair(file string) (*Pair, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p := &Pair{File: file}
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if err := p.take(block); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	if p.Key == nil || p.Leaf == nil {
		return nil, fmt.Errorf("%s: want a private key and its certificate", file)
	}
	if !p.Key.PublicKey.Equal(p.Leaf.PublicKey) {
		return nil, fmt.Errorf("%s: the certificate is not of the key", file)
	}
	return p, nil
}

func (p *Pair) take(block *pem.Block) (err error) {
	switch block.Type {
	case "CERTIFICATE":
		p.Leaf, err = x509.ParseCertificate(block.Bytes)
	case "PRIVATE KEY":
		p.Key, err = parseKey(block.Bytes)
	default:
		err = fmt.Errorf("unexpected PEM block %q", block.Type)
	}
	return err
}

func parseKey(der []byte) (*ecdsa.PrivateKey, error) {
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("want an ECDSA key, have %T", key)
	}
	return ec, nil
}
