// Harness for cloudflare/circl: pqvalidate harness protocol 1, one JSON object per line.
//
// This file says what the package does; protocol.go speaks to the host.
package main

import (
	"encoding"
	"encoding/hex"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/cloudflare/circl/kem"
	kems "github.com/cloudflare/circl/kem/schemes"
	"github.com/cloudflare/circl/sign"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
	signatures "github.com/cloudflare/circl/sign/schemes"
)

func pair(public, private string, pk, sk encoding.BinaryMarshaler) outputs {
	return outputs{
		public:  hex.EncodeToString(must(pk.MarshalBinary())),
		private: hex.EncodeToString(must(sk.MarshalBinary())),
	}
}

func secret(c, k []byte, err error) outputs {
	return outputs{"c": hex.EncodeToString(must(c, err)), "k": hex.EncodeToString(k)}
}

func forKem(s kem.Scheme) operations {
	ek := func(c *call) (kem.PublicKey, error) { return s.UnmarshalBinaryPublicKey(c.bytes("ek")) }
	dk := func(c *call) (kem.PrivateKey, error) { return s.UnmarshalBinaryPrivateKey(c.bytes("dk")) }
	generated := func(public kem.PublicKey, private kem.PrivateKey, err error) outputs {
		return pair("ek", "dk", must(public, err), private)
	}
	return operations{
		"keygen": func(*call) outputs { return generated(s.GenerateKeyPair()) },
		"keygen_from_seed": func(c *call) outputs {
			public, private := s.DeriveKeyPair(c.bytes("seed"))
			return generated(public, private, nil)
		},
		"encapsulate": func(c *call) outputs { return secret(s.Encapsulate(must(ek(c)))) },
		"encapsulate_derand": func(c *call) outputs {
			return secret(s.EncapsulateDeterministically(must(ek(c)), c.bytes("m")))
		},
		"decapsulate": func(c *call) outputs {
			return outputs{"k": hex.EncodeToString(must(s.Decapsulate(must(dk(c)), c.bytes("c"))))}
		},
		"check_encapsulation_key": func(c *call) outputs { _, err := ek(c); return outputs{"valid": err == nil} },
		"check_decapsulation_key": func(c *call) outputs { _, err := dk(c); return outputs{"valid": err == nil} },
	}
}

func forSignature(s sign.Scheme) operations {
	options := func(c *call) *sign.SignatureOpts { return &sign.SignatureOpts{Context: context(c)} }
	return operations{
		"keygen": func(*call) outputs {
			public, private, err := s.GenerateKey()
			return pair("pk", "sk", must(public, err).(encoding.BinaryMarshaler), private)
		},
		"keygen_from_seed": func(c *call) outputs {
			public, private := s.DeriveKey(c.bytes("seed"))
			return pair("pk", "sk", public, private)
		},
		"sign_deterministic": func(c *call) outputs {
			key := must(s.UnmarshalBinaryPrivateKey(c.bytes("sk")))
			return outputs{"signature": hex.EncodeToString(s.Sign(key, c.bytes("message"), options(c)))}
		},
		"verify": func(c *call) outputs {
			key := must(s.UnmarshalBinaryPublicKey(c.bytes("pk")))
			return outputs{"valid": s.Verify(key, c.bytes("message"), c.bytes("signature"), options(c))}
		},
	}
}

func context(c *call) string {
	if _, given := c.In["context"]; !given {
		return ""
	}
	return string(c.bytes("context"))
}

// withHedged adds the hedged signing of ML-DSA, which the package offers beside its schemes.
func withHedged[K any](s sign.Scheme, signTo func(sk K, message, context []byte, random bool, out []byte) error) operations {
	all := forSignature(s)
	all["sign"] = func(c *call) outputs {
		key, out := must(s.UnmarshalBinaryPrivateKey(c.bytes("sk"))).(K), make([]byte, s.SignatureSize())
		err := signTo(key, c.bytes("message"), []byte(context(c)), true, out)
		return outputs{"signature": hex.EncodeToString(must(out, err))}
	}
	return all
}

var sets = map[string]operations{
	"ML-DSA-44": withHedged(mldsa44.Scheme(), mldsa44.SignTo),
	"ML-DSA-65": withHedged(mldsa65.Scheme(), mldsa65.SignTo),
	"ML-DSA-87": withHedged(mldsa87.Scheme(), mldsa87.SignTo),
}

func hello() outputs {
	offered, without := map[string][]string{}, map[string][]string{}
	for name, all := range sets {
		offered[name] = slices.Sorted(maps.Keys(all))
		if strings.HasPrefix(name, "Dilithium") {
			without[name] = []string{"sign_deterministic.context", "verify.context"}
		}
	}
	build, _ := debug.ReadBuildInfo()
	return outputs{
		"protocol": 1, "name": "cloudflare/circl", "version": build.Deps[0].Version, "operations": offered, "without": without,
	}
}

func main() {
	for _, name := range []string{"ML-KEM-512", "ML-KEM-768", "ML-KEM-1024", "Kyber-512", "Kyber-768", "Kyber-1024"} {
		sets[name] = forKem(kems.ByName(strings.Replace(name, "Kyber-", "Kyber", 1)))
	}
	for _, name := range []string{"Dilithium2", "Dilithium3", "Dilithium5"} {
		sets[name] = forSignature(signatures.ByName(name))
	}
	serve()
}
