//! Compatibility flags: which behaviours a worker gets, by its date and its own list of flags.
//!
//! The supervisor checks every worker's date and flags here before anything starts; the runtime
//! process compiles them again at isolate start and reads the result by field. The table is
//! `compat-flags.tsv`; the rules and every message are upstream's.
//!
//! ```
//! use schema::compat::{Options, compile_flags, field};
//!
//! let flags = compile_flags(Some("2026-01-01"), ["nodejs_compat"], &Options::default()).unwrap();
//! assert!(flags.get(field::SPEC_COMPLIANT_URL) && flags.get(field::NODE_JS_COMPAT_V2));
//! ```

use std::collections::HashSet;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

/// The newest date a worker may ask for: this build knows of no later change.
pub const NEWEST_DATE: Date = Date {
    year: 2026,
    month: 11,
    day: 24,
};

/// Used in place of an invalid date, so that the flags are checked all the same.
const STAND_IN_DATE: Date = Date {
    year: 2021,
    month: 5,
    day: 1,
};

include!(concat!(env!("OUT_DIR"), "/compat_table.rs"));

/// A row of the table.
struct Entry {
    name: &'static str,
    enable: Option<&'static str>,
    disable: Option<&'static str>,
    since: Since,
    experimental: bool,
    implied: Option<Implied>,
}

/// From when on a flag is set for workers that do not mention it.
enum Since {
    Never,
    Always,
    Date(Date),
}

/// A flag that others bring along, for workers of a date or later.
struct Implied {
    by_any_of: &'static [Field],
    from: Date,
}

/// One flag, by its position in the table. The constants are in [`field`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Field(usize);

impl Field {
    /// The name in the table, such as `specCompliantUrl`.
    pub fn name(self) -> &'static str {
        TABLE[self.0].name
    }

    /// The flag that a configuration sets it by; none for a field that no flag sets.
    pub fn enable_flag(self) -> Option<&'static str> {
        TABLE[self.0].enable
    }
}

const WORD_BITS: usize = u64::BITS as usize;

/// The flags that hold for one worker.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Flags([u64; COUNT.div_ceil(WORD_BITS)]);

impl Flags {
    /// Whether a flag holds.
    pub fn get(&self, Field(i): Field) -> bool {
        self.0[i / WORD_BITS] >> (i % WORD_BITS) & 1 != 0
    }

    fn set(&mut self, Field(i): Field, on: bool) {
        let bit = 1 << (i % WORD_BITS);
        if on {
            self.0[i / WORD_BITS] |= bit;
        } else {
            self.0[i / WORD_BITS] &= !bit;
        }
    }

    /// Every flag in the table's order.
    pub fn iter(&self) -> impl Iterator<Item = (Field, bool)> + '_ {
        (0..COUNT).map(|i| (Field(i), self.get(Field(i))))
    }
}

/// These flags hold, and no others.
impl FromIterator<Field> for Flags {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        let mut flags = Self::default();
        for field in fields {
            flags.set(field, true);
        }
        flags
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(
                self.iter()
                    .filter(|(_, on)| *on)
                    .map(|(field, _)| field.name()),
            )
            .finish()
    }
}

/// A day of the proleptic Gregorian calendar. Ordered by time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// Reads `YYYY-MM-DD` of a year from 2000 to 2999. Any day up to 31 passes in any month.
    pub fn parse(text: &str) -> Option<Date> {
        let bytes = text.as_bytes();
        if bytes.len() != 10 || bytes[0] != b'2' || bytes[4] != b'-' || bytes[7] != b'-' {
            return None;
        }
        let number = |range: std::ops::Range<usize>| {
            bytes[range].iter().try_fold(0u16, |n, b| {
                b.is_ascii_digit().then(|| n * 10 + u16::from(b - b'0'))
            })
        };
        let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        Some(Date {
            year,
            month: month as u8,
            day: day as u8,
        })
    }

    /// The current day, UTC.
    pub fn today() -> Date {
        let elapsed = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Date::from_unix_days(elapsed.as_secs() / 86_400)
    }

    /// Howard Hinnant's `civil_from_days`, for days since 1970-01-01.
    fn from_unix_days(days: u64) -> Date {
        let days = days + 719_468; // since 0000-03-01, so that a leap day ends its year
        let era = days / 146_097;
        let day_of_era = days % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * day_of_year + 2) / 153; // March is 0
        let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        let month = if shifted_month < 10 {
            shifted_month + 3
        } else {
            shifted_month - 9
        };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        Date {
            year: year as u16,
            month: month as u8,
            day: day as u8,
        }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// What the command line says about compatibility.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// `--experimental`: flags that may yet change are allowed.
    pub experimental: bool,
    /// `test --compat-date`: the date of every worker, which then must not have one of its own.
    /// May lie in the future.
    pub date_override: Option<&'a str>,
    /// The day that a worker's date must not be after.
    pub today: Date,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Options {
            experimental: false,
            date_override: None,
            today: Date::today(),
        }
    }
}

/// All there is to say about a worker's date and flags.
#[derive(Debug, Default)]
pub struct ResolvedFlags {
    /// Of use only if there are no errors.
    pub flags: Flags,
    /// What refuses the configuration.
    pub errors: Vec<String>,
    /// What is only said.
    pub warnings: Vec<String>,
}

/// The flags of a worker with this `compatibilityDate` and these `compatibilityFlags`, or
/// everything that is wrong with them.
pub fn compile_flags<'a>(
    date: Option<&str>,
    flags: impl IntoIterator<Item = &'a str>,
    options: &Options<'_>,
) -> Result<Flags, Vec<String>> {
    let outcome = check(date, flags, options);
    if outcome.errors.is_empty() {
        Ok(outcome.flags)
    } else {
        Err(outcome.errors)
    }
}

/// As [`compile_flags`], with the warnings.
pub fn check<'a>(
    date: Option<&str>,
    flags: impl IntoIterator<Item = &'a str>,
    options: &Options<'_>,
) -> ResolvedFlags {
    let mut outcome = ResolvedFlags::default();
    if options.date_override.is_some() && date.is_some() {
        outcome.errors.push(
            "Worker specifies compatibilityDate but --compat-date was provided. When using \
             --compat-date, workers must not specify compatibilityDate in the config. Use \
             compatibilityFlags to enable/disable specific flags if needed."
                .into(),
        );
    }
    let Some(text) = options.date_override.or(date) else {
        outcome
            .errors
            .push("Worker must specify compatibilityDate.".into());
        return outcome;
    };
    let given = distinct(flags, &mut outcome.errors);
    let date = Date::parse(text).unwrap_or_else(|| {
        outcome
            .errors
            .push(format!("Invalid compatibility date: {text}"));
        STAND_IN_DATE
    });
    if options.date_override.is_none() {
        check_reach(date, options.today, &mut outcome.errors);
    }
    apply(date, &given, options, &mut outcome);
    let known = |flag: &str| {
        TABLE
            .iter()
            .any(|e| e.enable == Some(flag) || e.disable == Some(flag))
    };
    for flag in given.iter().filter(|flag| !known(flag)) {
        outcome
            .errors
            .push(format!("No such compatibility flag: {flag}"));
    }
    outcome
}

fn distinct<'a>(
    flags: impl IntoIterator<Item = &'a str>,
    errors: &mut Vec<String>,
) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    let mut out = Vec::new();
    for flag in flags {
        if seen.insert(flag) {
            out.push(flag);
        } else {
            errors.push(format!(
                "Compatibility flag specified multiple times: {flag}"
            ));
        }
    }
    out
}

fn check_reach(date: Date, today: Date, errors: &mut Vec<String>) {
    if date > NEWEST_DATE {
        errors.push(format!(
            "This Worker requires compatibility date \"{date}\", but the newest date supported by \
             this server binary is \"{NEWEST_DATE}\"."
        ));
    }
    if date > today {
        errors.push(format!(
            "Can't set compatibility date in the future: \"{date}\". Today's date (UTC) is \"{today}\"."
        ));
    }
}

fn apply(date: Date, given: &[&str], options: &Options<'_>, outcome: &mut ResolvedFlags) {
    let names = |flag: Option<&'static str>| flag.filter(|flag| given.contains(flag));
    for (i, entry) in TABLE.iter().enumerate() {
        let (enabled, disabled) = (names(entry.enable), names(entry.disable));
        let by_date = match entry.since {
            Since::Never => false,
            Since::Always => true,
            Since::Date(since) => date >= since,
        };
        outcome.flags.set(
            Field(i),
            enabled.is_some() || (by_date && disabled.is_none()),
        );

        let Some(flag) = enabled else { continue };
        if let Some(opposite) = disabled {
            outcome.errors.push(format!(
                "Compatibility flags are mutually contradictory: {flag} vs {opposite}"
            ));
        }
        if by_date && options.date_override.is_none() {
            let since = match entry.since {
                Since::Date(since) => format!("became the default as of {since} so"),
                _ => "is the default, so".into(),
            };
            outcome.warnings.push(format!(
                "The compatibility flag {flag} {since} does not need to be specified anymore."
            ));
        }
        if entry.experimental && !options.experimental {
            outcome.errors.push(format!(
                "The compatibility flag {flag} is experimental and may break or be removed in a \
                 future version of workerd. To use this flag, you must pass --experimental on the \
                 command line."
            ));
        }
    }
    // One pass in table order: a flag implied by an implied one counts only if it comes later.
    for (i, entry) in TABLE.iter().enumerate() {
        let Some(implied) = &entry.implied else {
            continue;
        };
        let applies = date >= implied.from && names(entry.disable).is_none();
        if applies
            && implied
                .by_any_of
                .iter()
                .any(|&other| outcome.flags.get(other))
        {
            outcome.flags.set(Field(i), true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Date = Date {
        year: 2026,
        month: 11,
        day: 22,
    };

    fn run(
        date: Option<&str>,
        flags: &[&str],
        experimental: bool,
        over: Option<&str>,
    ) -> ResolvedFlags {
        let options = Options {
            experimental,
            date_override: over,
            today: TODAY,
        };
        check(date, flags.iter().copied(), &options)
    }

    fn ok(date: &str, flags: &[&str]) -> Flags {
        let outcome = run(Some(date), flags, true, None);
        assert_eq!(outcome.errors, [""; 0]);
        outcome.flags
    }

    fn errors(date: &str, flags: &[&str]) -> Vec<String> {
        run(Some(date), flags, false, None).errors
    }

    #[test]
    fn a_date_sets_what_became_default_by_then() {
        assert!(!ok("2022-10-30", &[]).get(field::SPEC_COMPLIANT_URL));
        assert!(ok("2022-10-31", &[]).get(field::SPEC_COMPLIANT_URL));
        assert!(ok("2000-01-01", &[]).get(field::R2_PUBLIC_BETA_API));
    }

    #[test]
    fn flags_override_the_date_both_ways() {
        assert!(ok("2020-01-01", &["url_standard"]).get(field::SPEC_COMPLIANT_URL));
        assert!(!ok("2026-01-01", &["url_original"]).get(field::SPEC_COMPLIANT_URL));
        assert!(!ok("2026-01-01", &["r2_internal_beta_bindings"]).get(field::R2_PUBLIC_BETA_API));
    }

    #[test]
    fn implied_flags_start_with_their_date_and_yield_to_a_disable_flag() {
        assert!(!ok("2024-09-22", &["nodejs_compat"]).get(field::NODE_JS_COMPAT_V2));
        assert!(ok("2024-09-23", &["nodejs_compat"]).get(field::NODE_JS_COMPAT_V2));
        let flags = ok("2024-09-23", &["nodejs_compat", "no_nodejs_compat_v2"]);
        assert!(!flags.get(field::NODE_JS_COMPAT_V2) && flags.get(field::NODE_JS_ZLIB));
        assert!(ok("2025-09-01", &["nodejs_compat"]).get(field::ENABLE_NODEJS_HTTP_SERVER_MODULES));
    }

    #[test]
    fn dates_are_checked_for_form_and_reach() {
        for bad in [
            "",
            "x",
            "2022-2-3 ",
            "2022--1-03",
            "1999-01-01",
            "9999-12-31",
            "0000-00-00",
            "2022-13-01",
        ] {
            assert_eq!(
                errors(bad, &[]),
                [format!("Invalid compatibility date: {bad}")]
            );
        }
        assert_eq!(errors("2022-02-31", &[]), [""; 0]);
        assert_eq!(
            errors("2026-11-23", &[]),
            [
                "Can't set compatibility date in the future: \"2026-11-23\". Today's date (UTC) is \"2026-11-22\"."
            ]
        );
        assert_eq!(
            errors("2027-01-01", &[])[0],
            "This Worker requires compatibility date \"2027-01-01\", but the newest date supported by \
             this server binary is \"2026-11-24\"."
        );
        assert_eq!(
            run(None, &[], false, None).errors,
            ["Worker must specify compatibilityDate."]
        );
    }

    #[test]
    fn flags_are_checked_all_at_once() {
        let flags = [
            "nodejs_compat",
            "nodejs_compat",
            "foo",
            "no_nodejs_compat",
            "unsafe_module",
            "url_standard",
            "url_original",
        ];
        assert_eq!(
            errors("2022-01-01", &flags),
            [
                "Compatibility flag specified multiple times: nodejs_compat",
                "Compatibility flags are mutually contradictory: url_standard vs url_original",
                "Compatibility flags are mutually contradictory: nodejs_compat vs no_nodejs_compat",
                "The compatibility flag unsafe_module is experimental and may break or be removed in a future \
                 version of workerd. To use this flag, you must pass --experimental on the command line.",
                "No such compatibility flag: foo",
            ]
        );
    }

    #[test]
    fn a_redundant_flag_is_a_warning() {
        assert_eq!(
            run(
                Some("2026-10-01"),
                &["url_standard", "r2_public_beta_bindings"],
                false,
                None
            )
            .warnings,
            [
                "The compatibility flag url_standard became the default as of 2022-10-31 so does not need to be \
                 specified anymore.",
                "The compatibility flag r2_public_beta_bindings is the default, so does not need to be specified \
                 anymore.",
            ]
        );
    }

    #[test]
    fn the_override_replaces_the_date_of_every_worker() {
        let outcome = run(None, &["url_standard"], false, Some("2999-12-31"));
        assert!(outcome.errors.is_empty() && outcome.warnings.is_empty());
        assert!(outcome.flags.get(field::NODE_JS_COMPAT_V2));
        assert!(
            run(Some("2026-01-01"), &[], false, Some("2026-01-01")).errors[0]
                .contains("--compat-date was provided")
        );
        assert_eq!(
            run(None, &[], false, Some("foo")).errors,
            ["Invalid compatibility date: foo"]
        );
    }

    #[test]
    fn fields_have_names() {
        assert_eq!(field::SPEC_COMPLIANT_URL.name(), "specCompliantUrl");
        let flags = ok("2022-10-31", &[]);
        assert_eq!(flags.iter().count(), COUNT);
        assert!(flags.iter().all(|(field, on)| flags.get(field) == on));
    }

    #[test]
    fn days_become_dates() {
        let date = |days| Date::from_unix_days(days).to_string();
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(20_779), "2026-11-22");
    }
}
