//! The functions of libcrypto that are safe to call with what their signatures here take.
//!
//! What the language calls a `safe fn` of a foreign block; aws-lc-sys declares none. The other files call the rest: those that
//! take lengths, give references away or write where they are told.
#![allow(non_snake_case)]

use std::ffi::{c_int, c_ulong};

use aws_lc_sys::{self as lc, *};

use crate::Failed;
use crate::object::Owned;

/// Functions that ask nothing of their caller but that each object is live, and its own to change where it is changed.
macro_rules! safe {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {$(
        pub fn $name($($argument: $type),*) -> $result {
            // SAFETY: as above; references are to live objects, and one that may change it is the only one.
            unsafe { lc::$name($($argument),*) }
        }
    )*};
}

/// The same for functions that lend a part of what they are given, or a table that is always there; null is none.
macro_rules! lending {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> Option<$result:ty>;)*) => {$(
        pub fn $name($($argument: $type),*) -> Option<$result> {
            // SAFETY: as above; a part lives and stays the same for as long as the whole.
            unsafe { lc::$name($($argument),*).as_ref() }
        }
    )*};
}

/// The same for functions that make an object.
macro_rules! making {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {$(
        pub fn $name($($argument: $type),*) -> Result<Owned<$result>, Failed> {
            // SAFETY: as above; what is made is the caller's own.
            unsafe { Owned::new(lc::$name($($argument),*)) }
        }
    )*};
}

making! {
    fn BIO_new(kind: &BIO_METHOD) -> BIO;
    fn BN_CTX_new() -> BN_CTX;
    fn BN_GENCB_new() -> BN_GENCB;
    fn BN_MONT_CTX_new_consttime(modulus: &BIGNUM, context: &mut BN_CTX) -> BN_MONT_CTX;
    fn BN_new() -> BIGNUM;
    fn EC_KEY_new_by_curve_name(curve: c_int) -> EC_KEY;
    fn EVP_CIPHER_CTX_new() -> EVP_CIPHER_CTX;
    fn EVP_MD_CTX_new() -> EVP_MD_CTX;
    fn EVP_PKEY_new() -> EVP_PKEY;
    fn RSA_new() -> RSA;
    fn X509_NAME_new() -> X509_NAME;
    fn X509_get_pubkey(certificate: &X509) -> EVP_PKEY;
}

safe! {
    fn ASN1_TIME_print(text: &mut BIO, time: &ASN1_TIME) -> c_int;
    fn BN_num_bytes(number: &BIGNUM) -> u32;
    fn BN_nnmod(result: &mut BIGNUM, number: &BIGNUM, modulus: &BIGNUM, context: &mut BN_CTX) -> c_int;
    fn BN_num_bits(number: &BIGNUM) -> u32;
    fn BN_generate_prime_ex(result: &mut BIGNUM, bits: c_int, safe: c_int, step: &BIGNUM, rest: &BIGNUM, progress: &mut BN_GENCB) -> c_int;
    fn BN_mod_exp_mont_consttime(result: &mut BIGNUM, base: &BIGNUM, exponent: &BIGNUM, modulus: &BIGNUM, context: &mut BN_CTX, field: &BN_MONT_CTX) -> c_int;
    fn BN_primality_test(result: &mut c_int, number: &BIGNUM, rounds: c_int, context: &mut BN_CTX, divides: c_int, progress: &mut BN_GENCB) -> c_int;
    fn BN_is_odd(number: &BIGNUM) -> c_int;
    fn ECDSA_SIG_marshal(builder: &mut CBB, signature: &ECDSA_SIG) -> c_int;
    fn EC_GROUP_get_curve_name(group: &EC_GROUP) -> c_int;
    fn EC_KEY_check_key(key: &EC_KEY) -> c_int;
    fn EC_KEY_generate_key(key: &mut EC_KEY) -> c_int;
    fn EC_KEY_set_private_key(key: &mut EC_KEY, number: &BIGNUM) -> c_int;
    fn EC_KEY_set_public_key_affine_coordinates(key: &mut EC_KEY, x: &BIGNUM, y: &BIGNUM) -> c_int;
    fn ERR_clear_error() -> ();
    fn EVP_CIPHER_CTX_set_padding(context: &mut EVP_CIPHER_CTX, on: c_int) -> c_int;
    fn EVP_CIPHER_block_size(table: &EVP_CIPHER) -> u32;
    fn EVP_CIPHER_flags(table: &EVP_CIPHER) -> u32;
    fn EVP_CIPHER_iv_length(table: &EVP_CIPHER) -> u32;
    fn EVP_CIPHER_key_length(table: &EVP_CIPHER) -> u32;
    fn EVP_CIPHER_mode(table: &EVP_CIPHER) -> u32;
    fn EVP_CIPHER_nid(table: &EVP_CIPHER) -> c_int;
    fn EVP_DigestInit(context: &mut EVP_MD_CTX, table: &EVP_MD) -> c_int;
    fn EVP_MD_CTX_copy(to: &mut EVP_MD_CTX, from: &EVP_MD_CTX) -> c_int;
    fn EVP_MD_block_size(table: &EVP_MD) -> usize;
    fn EVP_MD_flags(table: &EVP_MD) -> u32;
    fn EVP_MD_size(table: &EVP_MD) -> usize;
    fn EVP_PKEY_CTX_set_rsa_mgf1_md(context: &mut EVP_PKEY_CTX, table: &EVP_MD) -> c_int;
    fn EVP_PKEY_CTX_set_rsa_oaep_md(context: &mut EVP_PKEY_CTX, table: &EVP_MD) -> c_int;
    fn EVP_PKEY_CTX_set_rsa_padding(context: &mut EVP_PKEY_CTX, padding: c_int) -> c_int;
    fn EVP_PKEY_decrypt_init(context: &mut EVP_PKEY_CTX) -> c_int;
    fn EVP_PKEY_derive_init(context: &mut EVP_PKEY_CTX) -> c_int;
    fn EVP_PKEY_encrypt_init(context: &mut EVP_PKEY_CTX) -> c_int;
    fn EVP_PKEY_id(key: &EVP_PKEY) -> c_int;
    fn EVP_PKEY_set1_EC_KEY(key: &mut EVP_PKEY, part: &mut EC_KEY) -> c_int;
    fn EVP_PKEY_set1_RSA(key: &mut EVP_PKEY, part: &mut RSA) -> c_int;
    fn EVP_marshal_private_key(builder: &mut CBB, key: &EVP_PKEY) -> c_int;
    fn EVP_marshal_public_key(builder: &mut CBB, key: &EVP_PKEY) -> c_int;
    fn NETSCAPE_SPKI_verify(request: &mut NETSCAPE_SPKI, key: &mut EVP_PKEY) -> c_int;
    fn RSA_bits(key: &RSA) -> u32;
    fn RSA_generate_key_ex(key: &mut RSA, bits: c_int, exponent: &BIGNUM, progress: &mut BN_GENCB) -> c_int;
    fn X509_NAME_add_entry(name: &mut X509_NAME, entry: &X509_NAME_ENTRY, place: c_int, set: c_int) -> c_int;
    fn X509_NAME_entry_count(name: &X509_NAME) -> c_int;
    fn X509_NAME_print_ex(text: &mut BIO, name: &X509_NAME, indent: c_int, flags: c_ulong) -> c_int;
    fn X509_check_ca(certificate: &mut X509) -> c_int;
    fn X509_check_issued(issuer: &mut X509, subject: &mut X509) -> c_int;
    fn X509_check_private_key(certificate: &X509, key: &EVP_PKEY) -> c_int;
    fn X509_verify(certificate: &mut X509, key: &mut EVP_PKEY) -> c_int;
    fn i2a_ASN1_OBJECT(text: &mut BIO, object: &ASN1_OBJECT) -> c_int;
}

lending! {
    fn DSA_get0_p(key: &DSA) -> Option<&BIGNUM>;
    fn DSA_get0_q(key: &DSA) -> Option<&BIGNUM>;
    fn ECDSA_SIG_get0_r(signature: &ECDSA_SIG) -> Option<&BIGNUM>;
    fn ECDSA_SIG_get0_s(signature: &ECDSA_SIG) -> Option<&BIGNUM>;
    fn EC_KEY_get0_group(key: &EC_KEY) -> Option<&EC_GROUP>;
    fn EC_KEY_get0_private_key(key: &EC_KEY) -> Option<&BIGNUM>;
    fn EC_KEY_get0_public_key(key: &EC_KEY) -> Option<&EC_POINT>;
    fn EVP_PKEY_get0_DSA(key: &EVP_PKEY) -> Option<&DSA>;
    fn EVP_PKEY_get0_EC_KEY(key: &EVP_PKEY) -> Option<&EC_KEY>;
    fn EVP_PKEY_get0_RSA(key: &EVP_PKEY) -> Option<&RSA>;
    fn RSA_get0_d(key: &RSA) -> Option<&BIGNUM>;
    fn RSA_get0_dmp1(key: &RSA) -> Option<&BIGNUM>;
    fn RSA_get0_dmq1(key: &RSA) -> Option<&BIGNUM>;
    fn RSA_get0_e(key: &RSA) -> Option<&BIGNUM>;
    fn RSA_get0_iqmp(key: &RSA) -> Option<&BIGNUM>;
    fn RSA_get0_n(key: &RSA) -> Option<&BIGNUM>;
    fn RSA_get0_p(key: &RSA) -> Option<&BIGNUM>;
    fn RSA_get0_q(key: &RSA) -> Option<&BIGNUM>;
    fn X509_NAME_get_entry(name: &X509_NAME, at: c_int) -> Option<&X509_NAME_ENTRY>;
    fn X509_get0_notAfter(certificate: &X509) -> Option<&ASN1_TIME>;
    fn X509_get0_notBefore(certificate: &X509) -> Option<&ASN1_TIME>;
    fn X509_get_issuer_name(certificate: &X509) -> Option<&X509_NAME>;
    fn X509_get_subject_name(certificate: &X509) -> Option<&X509_NAME>;
}

lending! {
    fn BIO_s_mem() -> Option<&'static BIO_METHOD>;
    fn EVP_aead_aes_128_ccm_bluetooth() -> Option<&'static EVP_AEAD>;
    fn EVP_aead_aes_128_ccm_bluetooth_8() -> Option<&'static EVP_AEAD>;
    fn EVP_aead_aes_128_ccm_matter() -> Option<&'static EVP_AEAD>;
    fn EVP_aead_aes_128_ctr_hmac_sha256() -> Option<&'static EVP_AEAD>;
    fn EVP_aead_aes_128_gcm_randnonce() -> Option<&'static EVP_AEAD>;
    fn EVP_aead_aes_256_gcm_randnonce() -> Option<&'static EVP_AEAD>;
    fn EVP_aead_aes_128_gcm_siv() -> Option<&'static EVP_AEAD>;
    fn EVP_aead_aes_256_ctr_hmac_sha256() -> Option<&'static EVP_AEAD>;
    fn EVP_aead_aes_256_gcm_siv() -> Option<&'static EVP_AEAD>;
    fn EVP_aead_chacha20_poly1305() -> Option<&'static EVP_AEAD>;
    fn EVP_aead_xchacha20_poly1305() -> Option<&'static EVP_AEAD>;
    fn EVP_aes_128_cbc() -> Option<&'static EVP_CIPHER>;
    fn EVP_aes_128_ctr() -> Option<&'static EVP_CIPHER>;
    fn EVP_aes_128_gcm() -> Option<&'static EVP_CIPHER>;
    fn EVP_aes_192_cbc() -> Option<&'static EVP_CIPHER>;
    fn EVP_aes_192_ctr() -> Option<&'static EVP_CIPHER>;
    fn EVP_aes_192_gcm() -> Option<&'static EVP_CIPHER>;
    fn EVP_aes_256_cbc() -> Option<&'static EVP_CIPHER>;
    fn EVP_aes_256_ctr() -> Option<&'static EVP_CIPHER>;
    fn EVP_aes_256_gcm() -> Option<&'static EVP_CIPHER>;
    fn EVP_md5() -> Option<&'static EVP_MD>;
    fn EVP_sha1() -> Option<&'static EVP_MD>;
    fn EVP_sha256() -> Option<&'static EVP_MD>;
    fn EVP_sha384() -> Option<&'static EVP_MD>;
    fn EVP_sha512() -> Option<&'static EVP_MD>;
}
