import java.io.IOException;
import java.security.SecureRandom;
import java.util.*;
import org.bouncycastle.crypto.*;
import org.bouncycastle.crypto.generators.*;
import org.bouncycastle.crypto.kems.*;
import org.bouncycastle.crypto.params.*;
import org.bouncycastle.crypto.signers.*;

/**
 * Harness for BouncyCastle; Protocol.java speaks to pqvalidate.
 *
 * IllegalArgumentException and the library's own exceptions are how it refuses; any other exception is a fault.
 */
final class Harness {
    private static final SecureRandom RANDOM = new SecureRandom();
    private static final List<String> SHA512 = List.of("SHA2-512");

    /** Randomness that the call brings along. */
    private static final class Given extends SecureRandom {
        private final byte[] value;
        Given(byte[] value) { this.value = value; }
        @Override public void nextBytes(byte[] out) {
            if (out.length != value.length) throw new IllegalArgumentException("rnd has " + value.length + " bytes");
            System.arraycopy(value, 0, out, 0, out.length);
        }
    }

    private static Map<String, Protocol.Operation> kem(MLKEMParameters set) {
        var all = new TreeMap<String, Protocol.Operation>();
        all.put("keygen", call -> {
            var generator = new MLKEMKeyPairGenerator();
            generator.init(new MLKEMKeyGenerationParameters(RANDOM, set));
            return pair((MLKEMPrivateKeyParameters) generator.generateKeyPair().getPrivate());
        });
        all.put("keygen_from_seed", call -> pair(new MLKEMPrivateKeyParameters(set, call.bytes("seed"))));
        all.put("encapsulate", call -> secret(new MLKEMGenerator(RANDOM).generateEncapsulated(
            new MLKEMPublicKeyParameters(set, call.bytes("ek")))));
        all.put("encapsulate_derand", call -> secret(MLKEMGenerator.internalGenerateEncapsulated(
            new MLKEMPublicKeyParameters(set, call.bytes("ek")), call.bytes("m"))));
        all.put("decapsulate", call -> opened(new MLKEMPrivateKeyParameters(set, call.bytes("dk")), call));
        all.put("decapsulate_from_seed", call -> opened(new MLKEMPrivateKeyParameters(set, call.bytes("seed")), call));
        return all;
    }

    private static Map<String, Object> pair(MLKEMPrivateKeyParameters key) {
        var expanded = key.getParametersWithFormat(MLKEMPrivateKeyParameters.EXPANDED_KEY);
        return Map.of("ek", key.getPublicKey(), "dk", expanded.getEncoded());
    }

    private static Map<String, Object> secret(SecretWithEncapsulation made) {
        return Map.of("k", made.getSecret(), "c", made.getEncapsulation());
    }

    private static Map<String, Object> opened(MLKEMPrivateKeyParameters key, Protocol.Call call) {
        return Map.of("k", new MLKEMExtractor(key).extractSecret(call.bytes("c")));
    }

    private static Map<String, Protocol.Operation> signature(MLDSAParameters set, MLDSAParameters hashed) {
        var all = new TreeMap<String, Protocol.Operation>();
        all.put("keygen", call -> {
            var generator = new MLDSAKeyPairGenerator();
            generator.init(new MLDSAKeyGenerationParameters(RANDOM, set));
            return pair((MLDSAPrivateKeyParameters) generator.generateKeyPair().getPrivate());
        });
        all.put("keygen_from_seed", call -> pair(new MLDSAPrivateKeyParameters(set, call.bytes("seed"))));
        all.put("sign", call -> sign(new MLDSASigner(), set, call, RANDOM));
        all.put("sign_deterministic", call -> sign(new MLDSASigner(), set, call, null));
        all.put("sign_with_rnd", call -> sign(new MLDSASigner(), set, call, new Given(call.bytes("rnd"))));
        all.put("sign_mu", call -> {
            var signer = new MLDSASigner();
            signer.init(true, new ParametersWithRandom(privateKey(set, call), random(call)));
            return Map.of("signature", signer.generateMuSignature(call.bytes("mu")));
        });
        all.put("sign_prehash", call -> sign(new HashMLDSASigner(), hashed, call, random(call)));
        all.put("verify", call -> verify(new MLDSASigner(), set, call));
        all.put("verify_mu", call -> {
            var signer = new MLDSASigner();
            signer.init(false, new MLDSAPublicKeyParameters(set, call.bytes("pk")));
            return Map.of("valid", signer.verifyMuSignature(call.bytes("mu"), call.bytes("signature")));
        });
        all.put("verify_prehash", call -> verify(new HashMLDSASigner(), hashed, call));
        return all;
    }

    private static SecureRandom random(Protocol.Call call) { return call.has("rnd") ? new Given(call.bytes("rnd")) : RANDOM; }

    private static MLDSAPrivateKeyParameters privateKey(MLDSAParameters set, Protocol.Call call) {
        return new MLDSAPrivateKeyParameters(set, call.bytes("sk"));
    }

    private static Map<String, Object> pair(MLDSAPrivateKeyParameters key) {
        var expanded = key.getParametersWithFormat(MLDSAPrivateKeyParameters.EXPANDED_KEY);
        return Map.of("pk", key.getPublicKey(), "sk", expanded.getEncoded());
    }

    private static Map<String, Object> sign(Signer signer, MLDSAParameters set, Protocol.Call call, SecureRandom random)
            throws CryptoException {
        CipherParameters key = privateKey(set, call);
        CipherParameters drawn = random == null ? key : new ParametersWithRandom(key, random);
        signer.init(true, new ParametersWithContext(drawn, call.bytesOr("context", new byte[0])));
        byte[] message = call.bytes("message");
        signer.update(message, 0, message.length);
        return Map.of("signature", signer.generateSignature());
    }

    private static Map<String, Object> verify(Signer signer, MLDSAParameters set, Protocol.Call call) {
        var key = new MLDSAPublicKeyParameters(set, call.bytes("pk"));
        signer.init(false, new ParametersWithContext(key, call.bytesOr("context", new byte[0])));
        byte[] message = call.bytes("message");
        signer.update(message, 0, message.length);
        return Map.of("valid", signer.verifySignature(call.bytes("signature")));
    }

    private static final Map<String, Map<String, Protocol.Operation>> SETS = new TreeMap<>(Map.of(
        "ML-KEM-512", kem(MLKEMParameters.ml_kem_512),
        "ML-KEM-768", kem(MLKEMParameters.ml_kem_768),
        "ML-KEM-1024", kem(MLKEMParameters.ml_kem_1024),
        "ML-DSA-44", signature(MLDSAParameters.ml_dsa_44, MLDSAParameters.ml_dsa_44_with_sha512),
        "ML-DSA-65", signature(MLDSAParameters.ml_dsa_65, MLDSAParameters.ml_dsa_65_with_sha512),
        "ML-DSA-87", signature(MLDSAParameters.ml_dsa_87, MLDSAParameters.ml_dsa_87_with_sha512)));

    public static void main(String[] words) throws IOException {
        String version = new org.bouncycastle.jce.provider.BouncyCastleProvider().getVersionStr();
        var hashes = Map.of("ML-DSA-44", SHA512, "ML-DSA-65", SHA512, "ML-DSA-87", SHA512);
        new Protocol(SETS, Map.of("name", "BouncyCastle", "version", version, "hashes", hashes), problem ->
            problem instanceof IllegalArgumentException || problem instanceof CryptoException
                || problem instanceof RuntimeCryptoException).serve();
    }
}
