//! Rewrites OpenMetrics, which is all that prometheus-client writes, as Prometheus text 0.0.4.

/// Appends `open` to `out` in the older format: families of counters and infos get the name of
/// their samples, units and exemplars are left out.
pub(super) fn rewrite(open: &str, out: &mut String) {
    let mut push = |parts: &[&str]| parts.iter().for_each(|part| out.push_str(part));
    // The help comes before the type, and needs to know it.
    let mut help = None;
    for line in open.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ');
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap_or((rest, "unknown"));
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                other => ("", other),
            };
            if let Some((_, help)) = help.take().filter(|(helped, _)| *helped == name) {
                push(&["# HELP ", name, suffix, " ", help, "\n"]);
            }
            push(&["# TYPE ", name, suffix, " ", kind, "\n"]);
        } else if !line.starts_with('#') {
            push(&[without_exemplar(line), "\n"]);
        }
    }
}

/// The sample before a `#` that is not inside of a label's value.
fn without_exemplar(line: &str) -> &str {
    let (mut quoted, mut escaped) = (false, false);
    for (place, byte) in line.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => quoted = !quoted,
            b'#' if !quoted => return line[..place].trim_end(),
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_get_the_names_of_the_older_format() {
        let open = r#"# HELP jobs Jobs done.
# TYPE jobs counter
jobs_total{kind="a # {\"b\"} \\"} 3 # {trace_id="ab"} 1.0 1700000000.5
# HELP wait_seconds Time in the queue.
# TYPE wait_seconds histogram
# UNIT wait_seconds seconds
wait_seconds_bucket{le="+Inf"} 2 # {trace_id="cd"} 0.5
wait_seconds_sum 1.5
wait_seconds_count 2
# TYPE build info
build_info{version="1"} 1
# HELP odd What nobody typed.
# TYPE odd unknown
odd 1
# EOF
"#;
        let mut text = String::new();
        rewrite(open, &mut text);
        assert_eq!(
            text,
            r#"# HELP jobs_total Jobs done.
# TYPE jobs_total counter
jobs_total{kind="a # {\"b\"} \\"} 3
# HELP wait_seconds Time in the queue.
# TYPE wait_seconds histogram
wait_seconds_bucket{le="+Inf"} 2
wait_seconds_sum 1.5
wait_seconds_count 2
# TYPE build_info gauge
build_info{version="1"} 1
# HELP odd What nobody typed.
# TYPE odd untyped
odd 1
"#
        );
    }
}
