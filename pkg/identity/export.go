package identity

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// MinPassphrase is the least length of a passphrase in bytes.
const MinPassphrase = 10

// scryptWork is age's work factor for passphrases: about a second of one core
// and 256 MiB for each guess.
const scryptWork = 18

// Export encrypts the key with a passphrase into age's armored format, which
// `age -d` reads, too.
func (i Identity) Export(passphrase string) ([]byte, error) {
	if len(passphrase) < MinPassphrase {
		return nil, fmt.Errorf("the passphrase must have at least %d characters", MinPassphrase)
	}
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	recipient.SetWorkFactor(scryptWork)
	return i.encrypt(recipient)
}

// ExportTo encrypts the key to an age recipient ("age1…").
func (i Identity) ExportTo(recipient string) ([]byte, error) {
	r, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		return nil, fmt.Errorf("recipient %.80q: %w; it begins with age1", recipient, err)
	}
	return i.encrypt(r)
}

func (i Identity) encrypt(recipient age.Recipient) ([]byte, error) {
	data, err := i.marshal()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	armored := armor.NewWriter(&out)
	w, err := age.Encrypt(armored, recipient)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(data)
	if err = errors.Join(err, w.Close(), armored.Close()); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Import decrypts an export. The secret is its passphrase, or an age identity
// ("AGE-SECRET-KEY-1…") for an export to a recipient.
func Import(data []byte, secret string) (Identity, error) {
	var key age.Identity
	var err error
	if id, parseErr := age.ParseX25519Identity(secret); parseErr == nil {
		key = id
	} else if key, err = age.NewScryptIdentity(secret); err != nil {
		return Identity{}, err
	}
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader(data)), key)
	if err != nil {
		return Identity{}, fmt.Errorf("the export cannot be opened: wrong passphrase, or a damaged file: %w", err)
	}
	plain, err := io.ReadAll(io.LimitReader(r, 64<<10))
	if err != nil {
		return Identity{}, fmt.Errorf("the export is damaged: %w", err)
	}
	return unmarshal(plain)
}
