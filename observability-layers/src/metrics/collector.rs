//! The HTTP families for a registry of prometheus-client, through its encoder.

use std::array;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabel, EncodeLabelSet, LabelSetEncoder, MetricEncoder, NoLabelSet,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Unit;

use super::histogram::{BYTES, SECONDS, Scale, Snapshot};
use super::series::Series;
use super::sink::{HttpMetrics, UNFINISHED};
use super::text::{
    DURATION, Family, IN_FLIGHT, OVERFLOW, REQUEST_SIZE, REQUESTS, RESPONSE_SIZE,
    UNFINISHED_REQUESTS,
};

/// Without the exemplars, which prometheus-client lets nobody else make.
impl Collector for HttpMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let http = &*self.inner;
        let in_flight = http.in_flight();
        describe(&mut encoder, &IN_FLIGHT, MetricType::Gauge)?.encode_gauge(&in_flight)?;

        let mut requests = describe(&mut encoder, &REQUESTS, MetricType::Counter)?;
        for series in http.table.iter() {
            let count = series.durations.snapshot().count;
            counter(requests.encode_family(&Labels(series))?, count)?;
        }
        let mut durations = describe(&mut encoder, &DURATION, MetricType::Histogram)?;
        for series in http.table.iter() {
            let snapshot = series.durations.snapshot();
            histogram(&mut durations, series, &SECONDS, &snapshot)?;
        }
        let mut sizes = describe(&mut encoder, &REQUEST_SIZE, MetricType::Histogram)?;
        for series in http.table.iter() {
            let snapshot = series.request_sizes.snapshot();
            histogram(&mut sizes, series, &BYTES, &snapshot)?;
        }
        let mut sizes = describe(&mut encoder, &RESPONSE_SIZE, MetricType::Histogram)?;
        for series in http.table.iter() {
            let snapshot = series.response_sizes.snapshot();
            histogram(&mut sizes, series, &BYTES, &snapshot)?;
        }
        let mut unfinished = describe(&mut encoder, &UNFINISHED_REQUESTS, MetricType::Counter)?;
        for (outcome, count) in UNFINISHED.iter().zip(&http.unfinished) {
            let labels = [("outcome", outcome.as_str())];
            let count = count.load(Ordering::Relaxed);
            counter(unfinished.encode_family(&labels)?, count)?;
        }
        let overflowed = http.overflowed.load(Ordering::Relaxed);
        counter(
            describe(&mut encoder, &OVERFLOW, MetricType::Counter)?,
            overflowed,
        )
    }
}

fn describe<'a>(
    encoder: &'a mut DescriptorEncoder<'_>,
    family: &'a Family,
    kind: MetricType,
) -> Result<MetricEncoder<'a>, fmt::Error> {
    const SECONDS: &Unit = &Unit::Seconds;
    const BYTES: &Unit = &Unit::Bytes;
    let (unit, suffix) = match family.unit {
        Some("seconds") => (Some(SECONDS), "_seconds"),
        Some("bytes") => (Some(BYTES), "_bytes"),
        _ => (None, ""),
    };
    // The encoder puts the unit behind the name by itself.
    let name = family.name.strip_suffix(suffix).unwrap_or(family.name);
    encoder.encode_descriptor(name, family.help, unit, kind)
}

fn counter(mut encoder: MetricEncoder<'_>, value: u64) -> fmt::Result {
    encoder.encode_counter::<NoLabelSet, _, u64>(&value, None)
}

fn histogram<const BOUNDS: usize, const BUCKETS: usize>(
    encoder: &mut MetricEncoder<'_>,
    series: &Series,
    scale: &Scale<BOUNDS>,
    snapshot: &Snapshot<BUCKETS>,
) -> fmt::Result {
    if snapshot.count == 0 {
        return Ok(());
    }
    let shown = |value: u64| value as f64 / scale.per_unit as f64;
    let buckets: [(f64, u64); BUCKETS] = array::from_fn(|place| {
        let bound = scale.bounds.get(place).copied();
        (bound.map_or(f64::INFINITY, shown), snapshot.buckets[place])
    });
    let none: Option<&HashMap<usize, Exemplar<NoLabelSet, f64>>> = None;
    let sum = shown(snapshot.sum);
    encoder
        .encode_family(&Labels(series))?
        .encode_histogram(sum, snapshot.count, &buckets, none)
}

struct Labels<'a>(&'a Series);

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let mut result = Ok(());
        self.0.for_each_label(|name, value| {
            if result.is_ok() {
                result = (name, value).encode(encoder.encode_label());
            }
        });
        result
    }
}
