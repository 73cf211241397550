//! The HTTP families as text, written by ourselves: the labels of a series are rendered once, when it is added.

use super::exemplar::Latest;
use super::format::Format;
use super::histogram::{BYTES, SECONDS, Scale, Snapshot};
use super::series::Series;
use super::sink::{Inner, UNFINISHED};

/// Name, type, unit and help of one family, for this encoder and for the collector.
pub(super) struct Family {
    /// Without the `_total` of a counter.
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    pub(super) unit: Option<&'static str>,
    pub(super) help: &'static str,
}

pub(super) const IN_FLIGHT: Family = Family {
    name: "http_requests_in_flight",
    kind: "gauge",
    unit: None,
    help: "Requests that were received and whose responses are not complete.",
};
pub(super) const REQUESTS: Family = Family {
    name: "http_requests",
    kind: "counter",
    unit: None,
    help: "Requests whose responses are complete or given up.",
};
pub(super) const DURATION: Family = Family {
    name: "http_request_duration_seconds",
    kind: "histogram",
    unit: Some("seconds"),
    help: "Time from the arrival of a request to the end of its response.",
};
pub(super) const REQUEST_SIZE: Family = Family {
    name: "http_request_size_bytes",
    kind: "histogram",
    unit: Some("bytes"),
    help: "Length of request bodies, of those that announced one.",
};
pub(super) const RESPONSE_SIZE: Family = Family {
    name: "http_response_size_bytes",
    kind: "histogram",
    unit: Some("bytes"),
    help: "Bytes of response bodies that were sent.",
};
pub(super) const UNFINISHED_REQUESTS: Family = Family {
    name: "http_requests_unfinished",
    kind: "counter",
    unit: None,
    help: "Requests that did not come to a regular end, by outcome.",
};
pub(super) const OVERFLOW: Family = Family {
    name: "http_metrics_overflow",
    kind: "counter",
    unit: None,
    help: "Requests counted under the route _other because all series were in use.",
};

struct Writer<'a> {
    out: &'a mut String,
    format: Format,
}

pub(super) fn encode(http: &Inner, format: Format, out: &mut String) {
    // Before the others, so that what ends meanwhile is not missing from both.
    let in_flight = http.in_flight();
    let mut writer = Writer { out, format };
    writer.head(&IN_FLIGHT);
    writer.sample(&[IN_FLIGHT.name, " "], in_flight);

    writer.head(&REQUESTS);
    for series in http.table.iter() {
        let count = series.durations.snapshot().count;
        writer.sample(&["http_requests_total{", &series.labels, "} "], count);
    }

    writer.head(&DURATION);
    for series in http.table.iter() {
        let exemplars = match format {
            Format::OpenMetrics => Some(series.exemplars.latest()),
            Format::Text => None,
        };
        let snapshot = series.durations.snapshot();
        writer.histogram(&DURATION, &SECONDS, series, &snapshot, exemplars.as_ref());
    }
    writer.head(&REQUEST_SIZE);
    for series in http.table.iter() {
        let snapshot = series.request_sizes.snapshot();
        writer.histogram(&REQUEST_SIZE, &BYTES, series, &snapshot, None);
    }
    writer.head(&RESPONSE_SIZE);
    for series in http.table.iter() {
        let snapshot = series.response_sizes.snapshot();
        writer.histogram(&RESPONSE_SIZE, &BYTES, series, &snapshot, None);
    }

    writer.head(&UNFINISHED_REQUESTS);
    for (outcome, count) in UNFINISHED.iter().zip(&http.unfinished) {
        let name = [
            "http_requests_unfinished_total{outcome=\"",
            outcome.as_str(),
            "\"} ",
        ];
        writer.sample(&name, count.load(std::sync::atomic::Ordering::Relaxed));
    }
    writer.head(&OVERFLOW);
    let overflowed = http.overflowed.load(std::sync::atomic::Ordering::Relaxed);
    writer.sample(&["http_metrics_overflow_total "], overflowed);
}

impl Writer<'_> {
    fn push(&mut self, parts: &[&str]) {
        for part in parts {
            self.out.push_str(part);
        }
    }

    fn number(&mut self, value: u64) {
        self.out.push_str(itoa::Buffer::new().format(value));
    }

    fn sample(&mut self, name: &[&str], value: u64) {
        self.push(name);
        self.number(value);
        self.push(&["\n"]);
    }

    fn head(&mut self, family: &Family) {
        // In the older format the family of a counter has the name of its samples.
        let suffix = match (self.format, family.kind) {
            (Format::Text, "counter") => "_total",
            _ => "",
        };
        let Family {
            name, kind, help, ..
        } = family;
        self.push(&["# HELP ", name, suffix, " ", help, "\n"]);
        self.push(&["# TYPE ", name, suffix, " ", kind, "\n"]);
        if let (Format::OpenMetrics, Some(unit)) = (self.format, family.unit) {
            self.push(&["# UNIT ", name, " ", unit, "\n"]);
        }
    }

    fn histogram<const BOUNDS: usize, const BUCKETS: usize>(
        &mut self,
        family: &Family,
        scale: &Scale<BOUNDS>,
        series: &Series,
        snapshot: &Snapshot<BUCKETS>,
        exemplars: Option<&Latest>,
    ) {
        if snapshot.count == 0 {
            return;
        }
        let name = family.name;
        let labels = &*series.labels;
        let bounds = scale.labels.into_iter().chain(["+Inf"]);
        let mut cumulative = 0_u64;
        for (place, (bound, count)) in bounds.zip(snapshot.buckets).enumerate() {
            cumulative = cumulative.wrapping_add(count);
            self.push(&[name, "_bucket{", labels, ",le=\"", bound, "\"} "]);
            self.number(cumulative);
            if let Some(exemplar) = exemplars.and_then(|latest| latest.get(place)?.as_ref()) {
                let trace = &exemplar.trace;
                self.push(&[" # {trace_id=\"", trace.trace_id()]);
                self.push(&["\",span_id=\"", trace.span_id(), "\"} "]);
                self.fraction(exemplar.nanos, scale.per_unit);
            }
            self.push(&["\n"]);
        }
        self.push(&[name, "_sum{", labels, "} "]);
        self.fraction(snapshot.sum, scale.per_unit);
        self.push(&["\n", name, "_count{", labels, "} "]);
        self.number(snapshot.count);
        self.push(&["\n"]);
    }

    /// `value / per_unit`, exactly: `per_unit` is a power of ten.
    fn fraction(&mut self, value: u64, per_unit: u64) {
        self.number(value / per_unit);
        self.push(&["."]);
        // A leading one keeps the zeros behind the point, and is left out.
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(per_unit + value % per_unit);
        let digits = digits[1..].trim_end_matches('0');
        self.push(&[if digits.is_empty() { "0" } else { digits }]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_exact() {
        let fraction = |value, per_unit| {
            let mut out = String::new();
            let format = Format::Text;
            Writer {
                out: &mut out,
                format,
            }
            .fraction(value, per_unit);
            out
        };
        for (value, per_unit, expected) in [
            (0, 1, "0.0"),
            (7, 1, "7.0"),
            (u64::MAX, 1, "18446744073709551615.0"),
            (0, 1_000_000_000, "0.0"),
            (1, 1_000_000_000, "0.000000001"),
            (1_500_000_000, 1_000_000_000, "1.5"),
            (60_000_000_000, 1_000_000_000, "60.0"),
            (u64::MAX, 1_000_000_000, "18446744073.709551615"),
        ] {
            assert_eq!(fraction(value, per_unit), expected);
        }
    }
}
