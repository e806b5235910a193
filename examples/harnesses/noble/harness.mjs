// Harness for @noble/post-quantum: pqvalidate harness protocol 1, one JSON object per line.
//
// What the package throws for an input is "rejected"; a broken call is "error".
import { readFileSync } from "node:fs";
import * as readline from "node:readline";
import * as sha2 from "@noble/hashes/sha2.js";
import * as sha3 from "@noble/hashes/sha3.js";
import { ml_dsa44, ml_dsa65, ml_dsa87 } from "@noble/post-quantum/ml-dsa.js";
import { ml_kem512, ml_kem768, ml_kem1024 } from "@noble/post-quantum/ml-kem.js";

class BrokenCall extends Error {}

const HASHES = {
  "SHA2-224": sha2.sha224, "SHA2-256": sha2.sha256, "SHA2-384": sha2.sha384, "SHA2-512": sha2.sha512,
  "SHA2-512/224": sha2.sha512_224, "SHA2-512/256": sha2.sha512_256,
  "SHA3-224": sha3.sha3_224, "SHA3-256": sha3.sha3_256, "SHA3-384": sha3.sha3_384, "SHA3-512": sha3.sha3_512,
  "SHAKE-128": sha3.shake128_32, "SHAKE-256": sha3.shake256_64,
};

const kem = (scheme) => {
  const pair = ({ publicKey, secretKey }) => ({ ek: publicKey, dk: secretKey });
  const secret = ({ cipherText, sharedSecret }) => ({ c: cipherText, k: sharedSecret });
  return {
    keygen: () => pair(scheme.keygen()),
    keygen_from_seed: ({ seed }) => pair(scheme.keygen(seed)),
    encapsulate: ({ ek }) => secret(scheme.encapsulate(ek)),
    encapsulate_derand: ({ ek, m }) => secret(scheme.encapsulate(ek, m)),
    decapsulate: ({ dk, c }) => ({ k: scheme.decapsulate(c, dk) }),
  };
};

const signature = (scheme) => {
  const pair = ({ publicKey, secretKey }) => ({ pk: publicKey, sk: secretKey });
  const signed = (value) => ({ signature: value });
  const options = (given) => Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return {
    keygen: () => pair(scheme.keygen()),
    keygen_from_seed: ({ seed }) => pair(scheme.keygen(seed)),
    sign: ({ sk, message, context }) => signed(scheme.sign(message, sk, options({ context }))),
    sign_deterministic: ({ sk, message, context }) =>
      signed(scheme.sign(message, sk, options({ context, extraEntropy: false }))),
    sign_with_rnd: ({ sk, message, rnd, context }) =>
      signed(scheme.sign(message, sk, options({ context, extraEntropy: rnd }))),
    sign_mu: ({ sk, mu, rnd }) =>
      signed(scheme.internal.sign(mu, sk, options({ externalMu: true, extraEntropy: rnd }))),
    sign_prehash: ({ sk, message, hash, context, rnd }) =>
      signed(scheme.prehash(HASHES[hash]).sign(message, sk, options({ context, extraEntropy: rnd }))),
    sign_internal: ({ sk, m_prime, rnd }) => signed(scheme.internal.sign(m_prime, sk, { extraEntropy: rnd })),
    verify: ({ pk, message, signature: s, context }) => ({ valid: scheme.verify(s, message, pk, options({ context })) }),
    verify_mu: ({ pk, mu, signature: s }) => ({ valid: scheme.internal.verify(s, mu, pk, { externalMu: true }) }),
    verify_prehash: ({ pk, message, signature: s, hash, context }) =>
      ({ valid: scheme.prehash(HASHES[hash]).verify(s, message, pk, options({ context })) }),
    verify_internal: ({ pk, m_prime, signature: s }) => ({ valid: scheme.internal.verify(s, m_prime, pk) }),
  };
};

// The package refuses hash functions that are too weak for the parameter set (FIPS 204 section 5.4).
const hashesFor = (scheme) => Object.keys(HASHES).filter((name) => {
  try { return Boolean(scheme.prehash(HASHES[name])); } catch { return false; }
});

const DSA = { "ML-DSA-44": ml_dsa44, "ML-DSA-65": ml_dsa65, "ML-DSA-87": ml_dsa87 };
const SETS = {
  "ML-KEM-512": kem(ml_kem512), "ML-KEM-768": kem(ml_kem768), "ML-KEM-1024": kem(ml_kem1024),
  ...Object.fromEntries(Object.entries(DSA).map(([name, scheme]) => [name, signature(scheme)])),
};

const hello = () => ({
  protocol: 1,
  name: "@noble/post-quantum",
  version: JSON.parse(readFileSync(new URL("node_modules/@noble/post-quantum/package.json", import.meta.url))).version,
  operations: Object.fromEntries(Object.entries(SETS).map(([name, all]) => [name, Object.keys(all)])),
  hashes: Object.fromEntries(Object.entries(DSA).map(([name, scheme]) => [name, hashesFor(scheme)])),
});

// An input that is missing breaks the call: the package would take "undefined" for "draw it yourself".
const OPTIONAL = new Set(["context", "sign_mu.rnd", "sign_prehash.rnd"]);
const demanding = (op, values) => new Proxy(values, {
  get: (inside, name) => {
    if (!Object.hasOwn(inside, name) && !OPTIONAL.has(name) && !OPTIONAL.has(`${op}.${name}`)) {
      throw new BrokenCall(`input ${name} is missing`);
    }
    return inside[name];
  },
});

const decoded = (given) => Object.fromEntries(Object.entries(given ?? {}).map(([name, text]) => {
  if (name === "hash") {
    if (!Object.hasOwn(HASHES, text)) throw new BrokenCall(`no hash ${text}`);
    return [name, text];
  }
  // Two questions without a repeated group: one overflows the stack on the 20 million digits of a long message.
  if (text.length % 2 || /[^0-9a-f]/i.test(text)) throw new BrokenCall(`input ${name} is not hex`);
  return [name, Uint8Array.from(Buffer.from(text, "hex"))];
}));

const encoded = (values) => Object.fromEntries(Object.entries(values).map(([name, value]) =>
  [name, value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value]));

const answer = (line) => {
  let id = null;
  try {
    const call = JSON.parse(line);
    id = call.id;
    if (call.op === "hello") return { id, ok: hello() };
    const operation = SETS[call.set]?.[call.op];
    if (!operation) return { id, error: `no operation ${call.op} for ${call.set}` };
    const inputs = demanding(call.op, decoded(call.in));
    try {
      return { id, ok: encoded(operation(inputs)) };
    } catch (refusal) {
      if (refusal instanceof BrokenCall) throw refusal;
      return { id, rejected: String(refusal.message) };
    }
  } catch (problem) {
    return { id, error: String(problem) };
  }
};

// Node hands over what has arrived as one chunk, and writes to a pipe at once: each reply leaves when it is ready.
readline.createInterface({ input: process.stdin, crlfDelay: Infinity, terminal: false })
  .on("line", (line) => process.stdout.write(JSON.stringify(answer(line)) + "\n"));
