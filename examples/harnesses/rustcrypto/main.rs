//! Harness for RustCrypto's ml-kem and ml-dsa; `protocol.rs` beside it speaks to pqvalidate.
//!
//! The crates take keys, seeds, ciphertexts and signatures as arrays of fixed size, so what has another length is
//! refused by their types (`TryFrom`) on the way in.
#![allow(deprecated)] // expanded decapsulation and signing keys are what FIPS 203 and FIPS 204 describe

mod protocol;

use getrandom::SysRng;
use ml_dsa::{
    ExpandedSigningKey, ExpandedSigningKeyBytes, MlDsa44, MlDsa65, MlDsa87, MlDsaParams, Signature, SigningKey,
    VerifyingKey,
};
use ml_kem::kem::{Decapsulate, Encapsulate, Generate, KeyExport, TryKeyInit};
use ml_kem::ExpandedKeyEncoding;
use protocol::{Answer, Inputs, No, Set, refused, serve, unknown, valid};
use serde_json::{Value, json};

fn secret<C: AsRef<[u8]>, K: AsRef<[u8]>>((c, k): (C, K)) -> Value {
    json!({"c": hex::encode(c), "k": hex::encode(k)})
}

const KEM: [&str; 8] = [
    "keygen", "keygen_from_seed", "encapsulate", "encapsulate_derand", "decapsulate", "decapsulate_from_seed",
    "check_encapsulation_key", "check_decapsulation_key",
];

/// The crate's own bound for all its KEMs is private, so this is a macro over the modules of the parameter sets.
macro_rules! kem {
    ($module:ident) => {{
        use ml_kem::$module::{DecapsulationKey, EncapsulationKey};

        fn pair(key: DecapsulationKey) -> Answer {
            let (ek, dk) = (key.encapsulation_key().to_bytes(), key.to_expanded_bytes());
            Ok(json!({"ek": hex::encode(ek), "dk": hex::encode(dk)}))
        }

        fn perform(op: &str, given: &Inputs) -> Answer {
            let public = || EncapsulationKey::new_from_slice(&given.bytes("ek")?).map_err(refused);
            let private = || DecapsulationKey::from_expanded_bytes(&given.array("dk")?).map_err(refused);
            let seeded = || Ok(DecapsulationKey::from_seed(given.array("seed")?));
            let opened = |key: DecapsulationKey| {
                Ok(json!({"k": hex::encode(key.decapsulate_slice(&given.bytes("c")?).map_err(refused)?)}))
            };
            match op {
                "keygen" => pair(DecapsulationKey::generate()),
                "keygen_from_seed" => pair(seeded()?),
                "encapsulate" => Ok(secret(public()?.encapsulate())),
                "encapsulate_derand" => Ok(secret(public()?.encapsulate_deterministic(&given.array("m")?))),
                "decapsulate" => opened(private()?),
                "decapsulate_from_seed" => opened(seeded()?),
                "check_encapsulation_key" => valid(public()),
                "check_decapsulation_key" => valid(private()),
                _ => unknown(op),
            }
        }
        perform
    }};
}

const DSA: [&str; 13] = [
    "keygen", "keygen_from_seed", "sign", "sign_deterministic", "sign_mu", "sign_internal", "sign_from_seed",
    "sign_deterministic_from_seed", "sign_mu_from_seed", "sign_internal_from_seed", "verify", "verify_mu",
    "verify_internal",
];

fn dsa<P: MlDsaParams>(op: &str, given: &Inputs) -> Answer {
    let pair = |key: SigningKey<P>| {
        let (pk, sk) = (key.expanded_key().verifying_key().encode(), key.expanded_key().to_expanded());
        json!({"pk": hex::encode(pk), "sk": hex::encode(sk)})
    };
    let public = || Ok(VerifyingKey::<P>::decode(&given.array("pk")?));
    let signature = || Signature::<P>::try_from(given.bytes("signature")?.as_slice()).map_err(refused);
    let checked = |check: &dyn Fn(VerifyingKey<P>, Signature<P>) -> Answer| match (public()?, signature()) {
        (key, Ok(s)) => check(key, s),
        (_, Err(No::Rejected(_))) => Ok(json!({"valid": false})), // a malformed signature is an invalid one
        (_, Err(broken)) => Err(broken),
    };
    let key = || match op.strip_suffix("_from_seed") {
        Some(_) => Ok(ExpandedSigningKey::<P>::from_seed(&given.array("seed")?)),
        None => Ok(ExpandedSigningKey::<P>::from_expanded(&given.array::<ExpandedSigningKeyBytes<P>>("sk")?)),
    };
    let signed = |s: Signature<P>| Ok(json!({"signature": hex::encode(s.encode())}));
    match op {
        "keygen" => Ok(pair(SigningKey::generate())),
        "keygen_from_seed" => Ok(pair(SigningKey::from_seed(&given.array("seed")?))),
        "verify" => checked(&|key, s| {
            Ok(json!({"valid": key.verify_with_context(&given.bytes("message")?, &given.context()?, &s)}))
        }),
        "verify_mu" => checked(&|key, s| Ok(json!({"valid": key.verify_mu(&given.array("mu")?, &s)}))),
        "verify_internal" => {
            checked(&|key, s| Ok(json!({"valid": key.verify_internal(&given.bytes("m_prime")?, &s)})))
        }
        _ => match op.trim_end_matches("_from_seed") {
            "sign" => signed(
                key()?.sign_randomized(&given.bytes("message")?, &given.context()?, &mut SysRng).map_err(refused)?,
            ),
            "sign_deterministic" => {
                signed(key()?.sign_deterministic(&given.bytes("message")?, &given.context()?).map_err(refused)?)
            }
            "sign_mu" => signed(key()?.sign_mu_randomized(&given.array("mu")?, &mut SysRng).map_err(refused)?),
            "sign_internal" => signed(key()?.sign_internal(&[&given.bytes("m_prime")?], &given.array("rnd")?)),
            _ => unknown(op),
        },
    }
}

fn main() -> std::io::Result<()> {
    let kems = |name, perform| Set { name, operations: &KEM, perform, ..Set::EMPTY };
    let signatures = |name, perform| Set {
        name, operations: &DSA, without: &["sign_mu.rnd", "sign_mu_from_seed.rnd"], perform, ..Set::EMPTY
    };
    serve(
        "RustCrypto",
        "ml-kem 0.3.4, ml-dsa 0.1.2", // as Cargo.toml pins them; the crates do not say it themselves
        &[
            kems("ML-KEM-512", kem!(ml_kem_512)),
            kems("ML-KEM-768", kem!(ml_kem_768)),
            kems("ML-KEM-1024", kem!(ml_kem_1024)),
            signatures("ML-DSA-44", dsa::<MlDsa44>),
            signatures("ML-DSA-65", dsa::<MlDsa65>),
            signatures("ML-DSA-87", dsa::<MlDsa87>),
        ],
    )
}
