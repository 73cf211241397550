//! What the operating system knows of this process, under the names that Prometheus gave them.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// Processor time, memory, open files and start time, read from `/proc` when asked; nothing where
/// there is no `/proc`.
///
/// [`Metrics`](super::Metrics) has one already; this is for a registry of your own.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessMetrics(());

impl ProcessMetrics {
    /// The metrics of the process that this runs in.
    pub const fn new() -> Self {
        Self(())
    }
}

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let usage = usage();
        if let Some(seconds) = usage.cpu_seconds {
            let help = "User and system processor time spent.";
            encoder
                .encode_descriptor("process_cpu_seconds", help, None, MetricType::Counter)?
                .encode_counter::<NoLabelSet, _, f64>(&seconds, None)?;
        }
        let gauges = [
            (
                "process_resident_memory_bytes",
                "Memory that is held in RAM.",
                usage.resident_bytes,
            ),
            (
                "process_virtual_memory_bytes",
                "Memory that is addressed.",
                usage.virtual_bytes,
            ),
            ("process_open_fds", "Open file descriptors.", usage.open_fds),
            (
                "process_max_fds",
                "File descriptors that may be open, if there is a limit.",
                usage.max_fds,
            ),
        ];
        for (name, help, value) in gauges {
            if let Some(value) = value {
                encoder
                    .encode_descriptor(name, help, None, MetricType::Gauge)?
                    .encode_gauge(&value)?;
            }
        }
        if let Some(seconds) = usage.start_seconds {
            let name = "process_start_time_seconds";
            let help = "When the process started, in seconds since 1970.";
            encoder
                .encode_descriptor(name, help, None, MetricType::Gauge)?
                .encode_gauge(&seconds)?;
        }
        Ok(())
    }
}

/// What could be found out.
#[derive(Debug, Default)]
struct Usage {
    cpu_seconds: Option<f64>,
    resident_bytes: Option<u64>,
    virtual_bytes: Option<u64>,
    open_fds: Option<u64>,
    max_fds: Option<u64>,
    start_seconds: Option<f64>,
}

#[cfg(not(target_os = "linux"))]
fn usage() -> Usage {
    Usage::default()
}

#[cfg(target_os = "linux")]
fn usage() -> Usage {
    use std::fs::{read_dir, read_to_string};
    use std::sync::OnceLock;

    use rustix::param::{clock_ticks_per_second, page_size};
    use rustix::process::{Resource, getrlimit};

    /// It does not change, and `/proc/stat` is long on a machine with many processors.
    static BOOT_SECONDS: OnceLock<Option<u64>> = OnceLock::new();

    let ticks = clock_ticks_per_second() as f64;
    let stat = read_to_string("/proc/self/stat").ok();
    let stat = stat.as_deref().and_then(Stat::parse);
    let boot = BOOT_SECONDS.get_or_init(|| {
        let stat = read_to_string("/proc/stat").ok()?;
        let boot = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
        boot.trim().parse().ok()
    });
    // Reading the directory opens one more.
    let open = read_dir("/proc/self/fd").ok();
    let open = open.map(|entries| (entries.count() as u64).saturating_sub(1));
    Usage {
        cpu_seconds: stat.map(|stat| stat.cpu_ticks as f64 / ticks),
        resident_bytes: stat.map(|stat| stat.resident_pages * page_size() as u64),
        virtual_bytes: stat.map(|stat| stat.virtual_bytes),
        open_fds: open,
        max_fds: getrlimit(Resource::Nofile).current,
        start_seconds: stat
            .zip(*boot)
            .map(|(stat, boot)| boot as f64 + stat.start_ticks as f64 / ticks),
    }
}

/// The fields of `/proc/self/stat` that are needed, see proc_pid_stat(5).
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

#[cfg(target_os = "linux")]
impl Stat {
    fn parse(line: &str) -> Option<Self> {
        // The name of the program is in parentheses and may contain anything, also parentheses.
        let (_, fields) = line.rsplit_once(')')?;
        let mut fields = fields.split_ascii_whitespace();
        // The first one here is the third of the manual, each `nth` goes on from the last.
        let mut skip = |fields_between| fields.nth(fields_between)?.parse::<u64>().ok();
        let user = skip(11)?;
        let system = skip(0)?;
        Some(Self {
            cpu_ticks: user + system,
            start_ticks: skip(6)?,
            virtual_bytes: skip(0)?,
            resident_pages: skip(0)?,
        })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_a_name_that_contains_parentheses() {
        let line = "4242 (odd) name) R 1 2 3 4 5 6 7 8 9 10 1100 21 12 13 20 0 4 0 987654 123456789 4321 18446744073709551615 1 1";
        assert_eq!(
            Stat::parse(line),
            Some(Stat {
                cpu_ticks: 1_121,
                start_ticks: 987_654,
                virtual_bytes: 123_456_789,
                resident_pages: 4_321,
            })
        );
        assert_eq!(Stat::parse("4242 (short) R 1 2 3"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn this_process_is_plausible() {
        let usage = usage();
        assert!(usage.cpu_seconds >= Some(0.0), "{usage:?}");
        assert!(usage.resident_bytes > Some(100_000), "{usage:?}");
        assert!(usage.virtual_bytes > usage.resident_bytes, "{usage:?}");
        assert!(usage.open_fds > Some(2), "{usage:?}");
        // After 2020, so the unit is right.
        assert!(usage.start_seconds > Some(1_577_836_800.0), "{usage:?}");
    }
}
