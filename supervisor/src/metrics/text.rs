//! Readings as text: Prometheus' format 0.0.4 (<https://prometheus.io/docs/instrumenting/exposition_formats/>) and OpenMetrics 1.0.0
//! (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).

use std::fmt::Write;

use ipc::metrics::BOUNDS_US;

use super::families::{Family, Id, Kind, Scale};
use super::readings::{Counts, Readings, Value};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Prometheus,
    OpenMetrics,
}

impl Format {
    /// The one that an `Accept` header likes better; where it does not care, Prometheus'.
    pub fn accepted(accept: &str) -> Self {
        let mut best = [0.0_f32; 2];
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let liked = match parts.next().unwrap_or_default() {
                kind if kind.eq_ignore_ascii_case("application/openmetrics-text") => 1,
                kind if kind.eq_ignore_ascii_case("text/plain") => 0,
                "text/*" | "*/*" => 0,
                _ => continue,
            };
            let mut weights = parts.filter_map(|part| part.strip_prefix("q="));
            let weight = weights.next().map_or(Some(1.0), |text| text.parse().ok());
            best[liked] = best[liked].max(weight.unwrap_or(0.0));
        }
        match best[1] > 0.0 && best[1] >= best[0] {
            true => Self::OpenMetrics,
            false => Self::Prometheus,
        }
    }

    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The whole text.
pub fn write(readings: &Readings, format: Format) -> String {
    let mut text = String::new();
    let mut last: Option<Id> = None;
    for (id, labels, value) in readings.iter() {
        let family = id.family();
        if last.replace(id) != Some(id) {
            head(&mut text, family, format);
        }
        let labels: String = family
            .labels
            .iter()
            .zip(labels)
            .map(|(name, value)| format!(",{name}=\"{}\"", escape(value)))
            .collect();
        let labels = labels.strip_prefix(',').unwrap_or_default();
        match value {
            Value::Number(number) => {
                let suffix = total(family);
                sample(
                    &mut text,
                    family.name,
                    suffix,
                    labels,
                    &scaled(*number, family),
                );
            }
            Value::Histogram(counts) => histogram(&mut text, family, labels, counts),
        }
    }
    if format == Format::OpenMetrics {
        text.push_str("# EOF\n");
    }
    text
}

fn total(family: &Family) -> &'static str {
    match family.kind {
        Kind::Counter => "_total",
        Kind::Gauge | Kind::Histogram => "",
    }
}

fn head(text: &mut String, family: &Family, format: Format) {
    let suffix = match format {
        Format::Prometheus => total(family),
        Format::OpenMetrics => "",
    };
    let kind = match family.kind {
        Kind::Counter => "counter",
        Kind::Gauge => "gauge",
        Kind::Histogram => "histogram",
    };
    let Family { name, help, .. } = family;
    let _ = write!(
        text,
        "# HELP {name}{suffix} {help}\n# TYPE {name}{suffix} {kind}\n"
    );
}

fn sample(text: &mut String, name: &str, suffix: &str, labels: &str, value: &str) {
    let _ = match labels.is_empty() {
        true => writeln!(text, "{name}{suffix} {value}"),
        false => writeln!(text, "{name}{suffix}{{{labels}}} {value}"),
    };
}

fn histogram(text: &mut String, family: &Family, labels: &str, (counts, sum): &Counts) {
    let comma = if labels.is_empty() { "" } else { "," };
    let bounds = BOUNDS_US.iter().map(|bound| scaled(*bound, family));
    let bounds = bounds.chain([String::from("+Inf")]);
    let mut so_far: u64 = 0;
    for (bound, count) in bounds.zip(counts) {
        so_far = so_far.wrapping_add(*count);
        let labels = format!("{labels}{comma}le=\"{bound}\"");
        sample(text, family.name, "_bucket", &labels, &so_far.to_string());
    }
    sample(text, family.name, "_sum", labels, &scaled(*sum, family));
    sample(text, family.name, "_count", labels, &so_far.to_string());
}

/// A number in the metric's unit, exactly.
fn scaled(number: u64, family: &Family) -> String {
    let digits = match family.scale {
        Scale::One => return number.to_string(),
        Scale::Micros => 6,
        Scale::Nanos => 9,
    };
    let per_unit = 10_u64.pow(digits);
    let (whole, rest) = (number / per_unit, number % per_unit);
    let text = format!("{whole}.{rest:0width$}", width = digits as usize);
    let text = text.trim_end_matches('0');
    match text.ends_with('.') {
        true => format!("{text}0"),
        false => text.to_owned(),
    }
}

/// The value of a label, between quotes.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => escaped += "\\\\",
            '"' => escaped += "\\\"",
            '\n' => escaped += "\\n",
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_formats_differ_where_they_must() {
        let mut readings = Readings::default();
        readings.add(Id::Reloads, &["a\"\\\n"], 2);
        readings.add(Id::LastReload, &[], 1);
        let mut counts = [0; BOUNDS_US.len() + 1];
        (counts[0], counts[BOUNDS_US.len()]) = (1, 2);
        readings.add_histogram(Id::LoopLag, &["0"], (counts, 21_500_001));
        let text = write(&readings, Format::Prometheus);
        assert!(text.contains("# TYPE workerd_reloads_total counter\nworkerd_reloads_total{result=\"a\\\"\\\\\\n\"} 2\n"));
        assert!(text.contains("\nworkerd_last_reload_successful 1\n"));
        assert!(
            text.contains(
                "\nworkerd_event_loop_lag_seconds_bucket{process=\"0\",le=\"0.0005\"} 1\n"
            )
        );
        assert!(text.contains("{process=\"0\",le=\"10.0\"} 1\n"));
        assert!(text.contains("{process=\"0\",le=\"+Inf\"} 3\n"));
        assert!(text.contains("_sum{process=\"0\"} 21.500001\n"));
        assert!(text.contains("_count{process=\"0\"} 3\n") && !text.contains("EOF"));
        let open = write(&readings, Format::OpenMetrics);
        assert!(open.contains("# TYPE workerd_reloads counter\nworkerd_reloads_total{"));
        assert!(open.ends_with("\n# EOF\n"));
    }

    #[test]
    fn what_is_liked_better_is_sent() {
        let open = |accept| Format::accepted(accept) == Format::OpenMetrics;
        assert!(open("application/openmetrics-text"));
        assert!(open(
            "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.2"
        ));
        assert!(!open("application/openmetrics-text;q=0.1, text/plain"));
        assert!(!open("application/openmetrics-text;q=0"));
        for other in ["", "*/*", "text/html", "application/openmetrics-text;q=x"] {
            assert!(!open(other), "{other}");
        }
    }

    #[test]
    fn names_and_units_are_as_prometheus_has_them() {
        for id in Id::ALL {
            let Family {
                name,
                kind,
                scale,
                labels,
                help,
            } = id.family();
            assert!(name.starts_with("workerd_") && !name.ends_with("_total"));
            assert!(
                name.bytes()
                    .all(|byte| byte == b'_' || byte.is_ascii_lowercase())
            );
            assert!(*scale == Scale::One || name.ends_with("_seconds"), "{name}");
            assert!(
                *kind != Kind::Histogram || name.ends_with("_seconds"),
                "{name}"
            );
            assert!(
                !labels.contains(&"le") && !help.contains(['\n', '\\']),
                "{name}"
            );
        }
    }
}
