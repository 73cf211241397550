//! The log's own counters.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::AccessLog;

impl Collector for AccessLog {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, help, value) in [
            (
                "access_log_lines",
                "Lines that were taken to be written.",
                self.taken(),
            ),
            (
                "access_log_lines_failed",
                "Lines that were lost because the output gave an error.",
                self.failed(),
            ),
            (
                "access_log_lines_dropped",
                "Lines that were not taken because too many were waiting.",
                self.dropped(),
            ),
        ] {
            encoder
                .encode_descriptor(name, help, None, MetricType::Counter)?
                .encode_counter::<NoLabelSet, _, u64>(&value, None)?;
        }
        Ok(())
    }
}
