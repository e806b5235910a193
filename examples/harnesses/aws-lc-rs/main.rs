//! Harness for aws-lc-rs; `protocol.rs` beside it speaks to pqvalidate.
//!
//! The crate offers ML-KEM and ML-DSA without derandomised encapsulation and without contexts.

mod protocol;

use aws_lc_rs::encoding::AsRawBytes;
use aws_lc_rs::kem::{Algorithm, AlgorithmId, DecapsulationKey, EncapsulationKey, ML_KEM_512, ML_KEM_768, ML_KEM_1024};
use aws_lc_rs::signature::{
    KeyPair, ML_DSA_44, ML_DSA_44_SIGNING, ML_DSA_65, ML_DSA_65_SIGNING, ML_DSA_87, ML_DSA_87_SIGNING,
    ParsedPublicKey, PqdsaKeyPair, PqdsaSigningAlgorithm, PqdsaVerificationAlgorithm,
};
use protocol::{Answer, Inputs, Set, refused, serve, unknown};
use serde_json::json;

const KEM: &[&str] = &["keygen", "encapsulate", "decapsulate"];

fn kem(algorithm: &'static Algorithm<AlgorithmId>, op: &str, given: &Inputs) -> Answer {
    match op {
        "keygen" => {
            let key = DecapsulationKey::generate(algorithm).map_err(refused)?;
            let (ek, dk) = (key.encapsulation_key().map_err(refused)?, key.key_bytes().map_err(refused)?);
            let ek = ek.key_bytes().map_err(refused)?;
            Ok(json!({"ek": hex::encode(ek.as_ref()), "dk": hex::encode(dk.as_ref())}))
        }
        "encapsulate" => {
            let key = EncapsulationKey::new(algorithm, &given.bytes("ek")?).map_err(refused)?;
            let (c, k) = key.encapsulate().map_err(refused)?;
            Ok(json!({"c": hex::encode(c), "k": hex::encode(k)}))
        }
        "decapsulate" => {
            let key = DecapsulationKey::new(algorithm, &given.bytes("dk")?).map_err(refused)?;
            let k = key.decapsulate(given.bytes("c")?.as_slice().into()).map_err(refused)?;
            Ok(json!({"k": hex::encode(k)}))
        }
        _ => unknown(op),
    }
}

const DSA: &[&str] = &["keygen", "keygen_from_seed", "sign", "sign_from_seed", "verify"];
const NO_CONTEXT: &[&str] = &["sign.context", "sign_from_seed.context", "verify.context"];

fn dsa(
    signing: &'static PqdsaSigningAlgorithm, verifying: &'static PqdsaVerificationAlgorithm, op: &str, given: &Inputs,
) -> Answer {
    let pair = |key: PqdsaKeyPair| {
        let sk = key.private_key().as_raw_bytes().map_err(refused)?;
        Ok(json!({"pk": hex::encode(key.public_key()), "sk": hex::encode(sk.as_ref())}))
    };
    let seeded = || PqdsaKeyPair::from_seed(signing, &given.bytes("seed")?).map_err(refused);
    let sign = |key: PqdsaKeyPair| {
        let mut signature = vec![0; signing.signature_len()];
        key.sign(&given.bytes("message")?, &mut signature).map_err(refused)?;
        Ok(json!({"signature": hex::encode(signature)}))
    };
    match op {
        "keygen" => pair(PqdsaKeyPair::generate(signing).map_err(refused)?),
        "keygen_from_seed" => pair(seeded()?),
        "sign" => sign(PqdsaKeyPair::from_raw_private_key(signing, &given.bytes("sk")?).map_err(refused)?),
        "sign_from_seed" => sign(seeded()?),
        "verify" => {
            let key = ParsedPublicKey::new(verifying, given.bytes("pk")?).map_err(refused)?;
            let verified = key.verify_sig(&given.bytes("message")?, &given.bytes("signature")?);
            Ok(json!({"valid": verified.is_ok()}))
        }
        _ => unknown(op),
    }
}

fn main() -> std::io::Result<()> {
    let kems = |name, perform| Set { name, operations: KEM, perform, ..Set::EMPTY };
    let signatures = |name, perform| Set { name, operations: DSA, without: NO_CONTEXT, perform, ..Set::EMPTY };
    serve(
        "aws-lc-rs",
        "1.19.0", // as Cargo.toml pins it; the crate does not say it itself
        &[
            kems("ML-KEM-512", |op, given| kem(&ML_KEM_512, op, given)),
            kems("ML-KEM-768", |op, given| kem(&ML_KEM_768, op, given)),
            kems("ML-KEM-1024", |op, given| kem(&ML_KEM_1024, op, given)),
            signatures("ML-DSA-44", |op, given| dsa(&ML_DSA_44_SIGNING, &ML_DSA_44, op, given)),
            signatures("ML-DSA-65", |op, given| dsa(&ML_DSA_65_SIGNING, &ML_DSA_65, op, given)),
            signatures("ML-DSA-87", |op, given| dsa(&ML_DSA_87_SIGNING, &ML_DSA_87, op, given)),
        ],
    )
}
