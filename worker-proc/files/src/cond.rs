//! Whether a client has what it asks for already (RFC 9110 section 13), for services of files.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use http::header::{HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE};

/// Whether the answer is that nothing has changed.
pub fn is_unchanged(headers: &HeaderMap, tag: &str, modified: SystemTime) -> bool {
    if headers.contains_key(IF_NONE_MATCH) {
        let mut lists = headers.get_all(IF_NONE_MATCH).iter();
        return lists.any(|list| list.to_str().is_ok_and(|list| has_tag(list, tag)));
    }
    date(headers, &IF_MODIFIED_SINCE).is_some_and(|since| whole_seconds(modified) <= since)
}

/// Whether a part may be sent: the rest that the client has is of this very file.
pub fn may_be_part(headers: &HeaderMap, tag: &str, modified: SystemTime) -> bool {
    let Some(wanted) = headers.get(IF_RANGE) else {
        return true;
    };
    wanted.as_bytes() == tag.as_bytes()
        || date(headers, &IF_RANGE).is_some_and(|date| whole_seconds(modified) == date)
}

/// Whether a list of entity tags has one, by the weak comparison (section 8.8.3.2), or is `*`.
fn has_tag(list: &str, tag: &str) -> bool {
    let opaque = |tag: &str| tag.strip_prefix("W/").unwrap_or(tag).to_owned();
    let mut tags = list.split(',').map(str::trim);
    tags.any(|told| told == "*" || opaque(told) == opaque(tag))
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

/// As a header tells it.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: &str = "\"a-1\"";
    const DATE: &str = "Fri, 02 Jan 2026 03:04:05 GMT";

    fn modified() -> SystemTime {
        httpdate::parse_http_date(DATE).unwrap() + Duration::from_millis(500)
    }

    #[test]
    fn what_a_client_has_is_not_sent_again() {
        for (name, value, unchanged) in [
            (IF_NONE_MATCH, "\"a-1\"", true),
            (IF_NONE_MATCH, "W/\"a-1\"", true),
            (IF_NONE_MATCH, "\"b\", \"a-1\"", true),
            (IF_NONE_MATCH, "*", true),
            (IF_NONE_MATCH, "\"b\"", false),
            (IF_NONE_MATCH, "a-1", false),
            (IF_NONE_MATCH, "", false),
            (IF_MODIFIED_SINCE, DATE, true),
            (IF_MODIFIED_SINCE, "Fri, 02 Jan 2026 03:04:04 GMT", false),
            (IF_MODIFIED_SINCE, "yesterday", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            assert_eq!(
                is_unchanged(&headers, TAG, modified()),
                unchanged,
                "{headers:?}"
            );
        }
        // The tag is asked first (section 13.2.2).
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, "\"b\"".parse().unwrap());
        headers.insert(IF_MODIFIED_SINCE, DATE.parse().unwrap());
        assert!(!is_unchanged(&headers, TAG, modified()));
    }

    #[test]
    fn a_part_is_of_the_same_file() {
        for (value, same) in [
            (TAG, true),
            (DATE, true),
            ("W/\"a-1\"", false),
            ("\"b\"", false),
            ("Fri, 02 Jan 2026 03:04:06 GMT", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_RANGE, value.parse().unwrap());
            assert_eq!(may_be_part(&headers, TAG, modified()), same, "{value}");
        }
        assert!(may_be_part(&HeaderMap::new(), TAG, modified()));
    }
}
