//! Which part of a file a `Range` header asks for (RFC 9110 section 14.2), as the published binary understands it.

use http::HeaderValue;

/// An answer to a `Range` header.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: none was asked for, several at once, or one that is everything.
    Whole,
    /// From the first to the last byte.
    Part(u64, u64),
    /// Not a range of this file.
    Unsatisfiable,
}

/// What is wanted of a file of that many bytes.
pub fn wanted(header: Option<&HeaderValue>, bytes: u64) -> Wanted {
    let Some(header) = header else {
        return Wanted::Whole;
    };
    let Some(ranges) = header.to_str().ok().and_then(ranges) else {
        return Wanted::Unsatisfiable;
    };
    let mut parts = ranges.iter().filter_map(|range| range.within(bytes));
    match (parts.next(), ranges.len()) {
        (None, _) => Wanted::Unsatisfiable,
        (Some((0, last)), 1) if last + 1 == bytes => Wanted::Whole,
        (Some((first, last)), 1) => Wanted::Part(first, last),
        (Some(_), _) => Wanted::Whole,
    }
}

/// As it is asked for.
enum RangeSpec {
    Between(u64, Option<u64>),
    Last(u64),
}

impl RangeSpec {
    /// The first and the last byte of a file of that many.
    fn within(&self, bytes: u64) -> Option<(u64, u64)> {
        let end = bytes.checked_sub(1)?;
        match *self {
            Self::Between(first, _) if first > end => None,
            Self::Between(first, last) => Some((first, last.map_or(end, |last| last.min(end)))),
            Self::Last(0) => None,
            Self::Last(count) => Some((bytes.saturating_sub(count), end)),
        }
    }
}

/// The ranges of `bytes=...`; none if that is not what the header says.
fn ranges(header: &str) -> Option<Vec<RangeSpec>> {
    let (unit, list) = header.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    // A comma at the end says nothing.
    let list = list.trim().strip_suffix(',').map_or(list, |list| list);
    list.split(',').map(asked).collect()
}

fn asked(range: &str) -> Option<RangeSpec> {
    let (first, last) = range.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    let number = |text: &str| text.parse::<u64>().ok();
    match (first.is_empty(), last.is_empty()) {
        (true, _) => Some(RangeSpec::Last(number(last)?)),
        (false, true) => Some(RangeSpec::Between(number(first)?, None)),
        (false, false) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(RangeSpec::Between(first, Some(last)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the published binary answers for a file of ten bytes.
    #[test]
    fn ranges_are_understood() {
        for (header, expected) in [
            ("bytes=0-3", Wanted::Part(0, 3)),
            ("bytes=2-", Wanted::Part(2, 9)),
            ("bytes=-3", Wanted::Part(7, 9)),
            ("bytes=9-20", Wanted::Part(9, 9)),
            ("BYTES = 0 - 3", Wanted::Part(0, 3)),
            ("bytes=+1-2", Wanted::Part(1, 2)),
            ("bytes=-100", Wanted::Whole),
            ("bytes=0-9", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("bytes=10-,0-1", Wanted::Whole),
            ("bytes=10-12", Wanted::Unsatisfiable),
            ("bytes=5-2", Wanted::Unsatisfiable),
            ("bytes=-0", Wanted::Unsatisfiable),
            ("bytes=abc", Wanted::Unsatisfiable),
            ("bytes=1-2x", Wanted::Unsatisfiable),
            ("bytes=-", Wanted::Unsatisfiable),
            ("bytes=", Wanted::Unsatisfiable),
            ("bytes 0-3", Wanted::Unsatisfiable),
            ("items=0-1", Wanted::Unsatisfiable),
            ("bytes=0-99999999999999999999", Wanted::Unsatisfiable),
        ] {
            let header = HeaderValue::from_static(header);
            assert_eq!(wanted(Some(&header), 10), expected, "{header:?}");
            assert_eq!(
                wanted(Some(&header), 0),
                Wanted::Unsatisfiable,
                "{header:?}"
            );
        }
        assert_eq!(wanted(None, 0), Wanted::Whole);
    }
}
