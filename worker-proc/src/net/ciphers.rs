//! Lists of ciphers as OpenSSL writes them, for the suites of TLS 1.2 that there are. Those of 1.3 are not for choice, as there.

use rustls::CipherSuite;

/// A suite with the words that stand for it, its own name first.
struct Named {
    suite: CipherSuite,
    words: &'static [&'static str],
}

/// What stands for all of them.
const ALL: [&str; 8] = [
    "ALL", "DEFAULT", "HIGH", "TLSv1.2", "ECDHE", "EECDH", "kECDHE", "kEECDH",
];

const SUITES: [Named; 6] = [
    Named {
        suite: CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        words: &[
            "ECDHE-ECDSA-AES256-GCM-SHA384",
            "ECDSA",
            "aECDSA",
            "AES",
            "AES256",
            "AESGCM",
        ],
    },
    Named {
        suite: CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        words: &[
            "ECDHE-ECDSA-AES128-GCM-SHA256",
            "ECDSA",
            "aECDSA",
            "AES",
            "AES128",
            "AESGCM",
        ],
    },
    Named {
        suite: CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        words: &[
            "ECDHE-ECDSA-CHACHA20-POLY1305",
            "ECDSA",
            "aECDSA",
            "CHACHA20",
        ],
    },
    Named {
        suite: CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        words: &[
            "ECDHE-RSA-AES256-GCM-SHA384",
            "RSA",
            "aRSA",
            "AES",
            "AES256",
            "AESGCM",
        ],
    },
    Named {
        suite: CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        words: &[
            "ECDHE-RSA-AES128-GCM-SHA256",
            "RSA",
            "aRSA",
            "AES",
            "AES128",
            "AESGCM",
        ],
    },
    Named {
        suite: CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
        words: &["ECDHE-RSA-CHACHA20-POLY1305", "RSA", "aRSA", "CHACHA20"],
    },
];

/// The suites that a list permits. Names of suites that there are not say nothing, and neither does the order: of what both
/// sides permit, the client's favourite is taken.
///
/// # Errors
/// It permits none that there is, or commands what is not done.
pub fn permitted(list: &str) -> Result<Vec<CipherSuite>, String> {
    let (mut permitted, mut never) = ([false; SUITES.len()], [false; SUITES.len()]);
    let items = list.split([':', ',', ' ', ';', '|', '[', ']']);
    for item in items.filter(|item| !item.is_empty()) {
        if item.starts_with('@') && item != "@STRENGTH" {
            return Err(format!(
                "cipherList: \"{item}\" is nothing that can be asked for"
            ));
        }
        let words = item.strip_prefix(['!', '-', '+']).unwrap_or(item);
        for (index, named) in SUITES.iter().enumerate() {
            let is_meant = |word| named.words.contains(&word) || ALL.contains(&word);
            if !words.split('+').all(is_meant) {
                continue;
            }
            match item.as_bytes()[0] {
                b'!' => never[index] = true,
                b'-' => permitted[index] = false,
                // Which comes last, and no more.
                b'+' => {}
                _ => permitted[index] = true,
            }
        }
    }
    let chosen = (SUITES.iter().zip(permitted.iter().zip(never)))
        .filter(|(_, (permitted, never))| **permitted && !never)
        .map(|(named, _)| named.suite);
    let chosen: Vec<_> = chosen.collect();
    if chosen.is_empty() {
        let all = SUITES.map(|named| named.words[0]).join(", ");
        return Err(format!(
            "cipherList: \"{list}\" permits none of the ciphers that there are: {all}"
        ));
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Result<Vec<&'static str>, String> {
        let permitted = permitted(list)?;
        let names = SUITES
            .iter()
            .filter(|named| permitted.contains(&named.suite));
        Ok(names.map(|named| named.words[0]).collect())
    }

    #[test]
    fn lists_are_read_as_openssl_reads_them() {
        let count = |list: &str| names(list).unwrap().len();
        assert_eq!(count("HIGH:!aNULL:!MD5"), 6);
        assert_eq!(
            names("ECDHE-RSA-AES128-GCM-SHA256:AES128-SHA:DHE-RSA-AES128-GCM-SHA256"),
            Ok(vec!["ECDHE-RSA-AES128-GCM-SHA256"])
        );
        assert_eq!(
            names("ECDHE+AESGCM:!ECDSA:-AES256"),
            Ok(vec!["ECDHE-RSA-AES128-GCM-SHA256"])
        );
        assert_eq!(count("ALL:-CHACHA20:CHACHA20:+AES:@STRENGTH"), 6);
        // What is never to be cannot be asked for again.
        assert_eq!(count("!CHACHA20 ALL, CHACHA20"), 4);
        assert_eq!(
            names("[ECDHE-ECDSA-CHACHA20-POLY1305|ECDHE-RSA-CHACHA20-POLY1305]"),
            names("CHACHA20")
        );
    }

    #[test]
    fn a_list_that_permits_nothing_is_refused() {
        for list in [
            "AES128-SHA",
            "NONSENSE",
            "!ALL",
            "ALL:!ALL",
            ":",
            "+ALL",
            "ECDHE+DES",
        ] {
            let error = names(list).unwrap_err();
            assert!(
                error.contains(&format!("\"{list}\" permits none")),
                "{error}"
            );
        }
        assert!(
            names("ALL:@SECLEVEL=2")
                .unwrap_err()
                .contains("@SECLEVEL=2")
        );
    }
}
