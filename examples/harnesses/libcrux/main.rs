//! Harness for libcrux-ml-kem and libcrux-ml-dsa; `protocol.rs` beside it speaks to pqvalidate.
//!
//! The crates take keys, ciphertexts, signatures and randomness as arrays of fixed size, so what has another length is
//! refused by their types (`TryFrom`) on the way in. They never draw randomness themselves: their caller hands it over.

mod protocol;

use libcrux_ml_kem::{mlkem512, mlkem768, mlkem1024};
use protocol::{Answer, Inputs, No, Set, serve, unknown};
use serde_json::json;

fn random<const N: usize>() -> Result<[u8; N], No> {
    let mut drawn = [0; N];
    getrandom::fill(&mut drawn).map_err(|error| No::Broken(error.to_string()))?;
    Ok(drawn)
}

const KYBER: &[&str] = &["keygen", "keygen_from_seed", "encapsulate", "encapsulate_derand", "decapsulate"];
const KEM: &[&str] = &[
    "keygen", "keygen_from_seed", "encapsulate", "encapsulate_derand", "decapsulate", "check_encapsulation_key",
    "check_decapsulation_key",
];

/// What ML-KEM and Kyber share, for a module of the crate with its three functions.
macro_rules! kem {
    ($($function:ident)::+, $op:ident, $given:ident) => {{
        use $($function)::+::{decapsulate, encapsulate, generate_key_pair};
        let pair = |seed| {
            let pair = generate_key_pair(seed);
            json!({"ek": hex::encode(pair.pk()), "dk": hex::encode(pair.sk())})
        };
        let secret = |m| {
            let (c, k) = encapsulate(&$given.array("ek")?, m);
            Ok(json!({"c": hex::encode(c.as_ref()), "k": hex::encode(k)}))
        };
        match $op {
            "keygen" => Ok(pair(random()?)),
            "keygen_from_seed" => Ok(pair($given.array("seed")?)),
            "encapsulate" => secret(random()?),
            "encapsulate_derand" => secret($given.array("m")?),
            "decapsulate" => {
                Ok(json!({"k": hex::encode(decapsulate(&$given.array("dk")?, &$given.array("c")?))}))
            }
            _ => unknown($op),
        }
    }};
}

/// ML-KEM: the crate's documentation asks callers to validate keys before use, with functions of its own.
macro_rules! ml_kem {
    ($module:ident) => {{
        fn perform(op: &str, given: &Inputs) -> Answer {
            match op {
                "check_encapsulation_key" => match given.array("ek") {
                    Ok(key) => Ok(json!({"valid": $module::validate_public_key(&key)})),
                    Err(why) => Err(why),
                },
                "check_decapsulation_key" => match given.array("dk") {
                    Ok(key) => Ok(json!({"valid": $module::portable::validate_private_key_only(&key)})),
                    Err(why) => Err(why),
                },
                _ => kem!($module, op, given),
            }
        }
        perform
    }};
}

macro_rules! kyber {
    ($module:ident) => {{
        fn perform(op: &str, given: &Inputs) -> Answer {
            kem!(libcrux_ml_kem::$module, op, given)
        }
        perform
    }};
}

const DSA: &[&str] = &[
    "keygen", "keygen_from_seed", "sign", "sign_deterministic", "sign_with_rnd", "sign_prehash", "sign_internal",
    "verify", "verify_prehash", "verify_internal",
];

macro_rules! ml_dsa {
    ($module:ident) => {{
        use libcrux_ml_dsa::{MLDSASignature, MLDSASigningKey, MLDSAVerificationKey, SigningError, $module};

        fn pair(seed: [u8; 32]) -> Answer {
            let pair = $module::generate_key_pair(seed);
            let (pk, sk) = (pair.verification_key.as_slice(), pair.signing_key.as_slice());
            Ok(json!({"pk": hex::encode(pk), "sk": hex::encode(sk)}))
        }

        fn perform(op: &str, given: &Inputs) -> Answer {
            let sk = || Ok(MLDSASigningKey::new(given.array("sk")?));
            let pk = || Ok(MLDSAVerificationKey::new(given.array("pk")?));
            let s = || Ok(MLDSASignature::new(given.array("signature")?));
            let signed = |made: Result<MLDSASignature<_>, SigningError>| {
                let value = made.map_err(|error| No::Rejected(format!("{error:?}")))?;
                Ok(json!({"signature": hex::encode(value.as_slice())}))
            };
            let sign = |rnd| signed($module::sign(&sk()?, &given.bytes("message")?, &given.context()?, rnd));
            let valid = |verified: bool| Ok(json!({"valid": verified}));
            match op {
                "keygen" => pair(random()?),
                "keygen_from_seed" => pair(given.array("seed")?),
                "sign" => sign(random()?),
                "sign_deterministic" => sign([0; 32]),
                "sign_with_rnd" => sign(given.array("rnd")?),
                "sign_prehash" => {
                    let rnd = if given.0.contains_key("rnd") { given.array("rnd")? } else { random()? };
                    let (message, context) = (given.bytes("message")?, given.context()?);
                    signed($module::sign_pre_hashed_shake128(&sk()?, &message, &context, rnd))
                }
                "sign_internal" => {
                    signed($module::sign_internal(&sk()?, &given.bytes("m_prime")?, given.array("rnd")?))
                }
                "verify" => {
                    let (message, context) = (given.bytes("message")?, given.context()?);
                    valid($module::verify(&pk()?, &message, &context, &s()?).is_ok())
                }
                "verify_prehash" => {
                    let (message, context) = (given.bytes("message")?, given.context()?);
                    valid($module::verify_pre_hashed_shake128(&pk()?, &message, &context, &s()?).is_ok())
                }
                "verify_internal" => {
                    valid($module::verify_internal(&pk()?, &given.bytes("m_prime")?, &s()?).is_ok())
                }
                _ => unknown(op),
            }
        }
        perform
    }};
}

fn main() -> std::io::Result<()> {
    let set = |name, operations, perform| Set { name, operations, perform, ..Set::EMPTY };
    let dsa = |name, perform| Set { hashes: &["SHAKE-128"], ..set(name, DSA, perform) };
    serve(
        "libcrux",
        "libcrux-ml-kem 0.0.11, libcrux-ml-dsa 0.0.11", // as Cargo.toml pins them; the crates do not say it themselves
        &[
            set("ML-KEM-512", KEM, ml_kem!(mlkem512)),
            set("ML-KEM-768", KEM, ml_kem!(mlkem768)),
            set("ML-KEM-1024", KEM, ml_kem!(mlkem1024)),
            set("Kyber-512", KYBER, kyber!(kyber512)),
            set("Kyber-768", KYBER, kyber!(kyber768)),
            set("Kyber-1024", KYBER, kyber!(kyber1024)),
            dsa("ML-DSA-44", ml_dsa!(ml_dsa_44)),
            dsa("ML-DSA-65", ml_dsa!(ml_dsa_65)),
            dsa("ML-DSA-87", ml_dsa!(ml_dsa_87)),
        ],
    )
}
