//! JSON Schemas that come from outside.
//!
//! A schema is a program that someone else wrote and this server runs. So it reaches nothing but
//! itself (no URL, no file: `jsonschema` is built without either, and other references are refused
//! here), its patterns run in linear time, and [`graph`] bounds the work before any is done.

mod graph;
#[cfg(test)]
mod tests;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

use self::graph::Graph;
use super::document::Document;
use super::shown;

/// The longest schema, in bytes.
pub(crate) const MAX_BYTES: usize = 256 * 1024;
/// The most steps (one keyword looking at one value) that checking a document may take.
const MAX_STEPS: u64 = 20_000_000;
/// Beyond this many steps, a document that violates its schema is told so without a list: the
/// list is gathered whole before it can be cut, and without the shortcuts of a plain check.
const MAX_LISTED_STEPS: u64 = 500_000;
/// How many schemas may lie inside each other when a document is checked: each is a few frames on
/// the stack.
const MAX_HEIGHT: u64 = 256;
/// The most bytes that the list may take before it is cut: each step may leave a violation with the
/// pointer to its value, or with the names of its members.
const MAX_LISTED: u64 = 64 * 1024 * 1024;
/// How many violations are told.
pub(crate) const MAX_VIOLATIONS: usize = 50;
/// The most bytes of the pointers to all values of a schema, which its compiled form repeats.
const MAX_POINTERS: u64 = 8 * 1024 * 1024;
/// The longest pointer that is told.
const MAX_POINTER: usize = 1024;
/// How many patterns a schema may have, and the compiled size of each, in bytes. The time that a
/// linear engine takes for a byte grows with the size.
const MAX_PATTERNS: u64 = 100;
const MAX_PATTERN: usize = 64 * 1024;
/// The most bytes that may be matched, each counted once per pattern.
const MAX_MATCHED: u64 = 64 * 1024 * 1024;
/// The same for keywords that read what they check from end to end, which takes less for a byte.
const MAX_SCANNED: u64 = 1024 * 1024 * 1024;
/// How much of one violation's text is shown: a schema can list thousands of allowed values.
const MAX_DETAIL: usize = 300;

/// What is wrong at one place, which `pointer` names (RFC 6901), or is within what it names, if the
/// pointer to the place itself would be longer than [`MAX_POINTER`].
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Violation {
    pub(crate) pointer: String,
    pub(crate) detail: String,
}

impl Violation {
    pub(crate) fn new(pointer: &str, detail: &str) -> Self {
        let mut pointer = pointer;
        while pointer.len() > MAX_POINTER {
            pointer = &pointer[..pointer.rfind('/').unwrap_or_default()];
        }
        // A name that is a secret would not be recognised with its slashes escaped.
        let tokens = pointer.split('/');
        let tokens: Vec<_> = tokens
            .map(|token| graph::escape(&shown(&graph::unescape(token))))
            .collect();
        let pointer = tokens.join("/");
        let mut detail = shown(detail);
        if let Some((cut, _)) = detail.char_indices().nth(MAX_DETAIL) {
            detail.truncate(cut);
            detail.push('…');
        }
        Self { pointer, detail }
    }

    /// At a member of the root object.
    pub(crate) fn member(name: &str, detail: &str) -> Self {
        Self::new(&format!("/{}", graph::escape(name)), detail)
    }
}

/// A schema that is ready to check documents.
#[derive(Debug)]
pub(crate) struct Schema {
    validator: Validator,
    graph: Graph,
}

/// Why a document does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rejected {
    /// At most [`MAX_VIOLATIONS`], in document order as the schema meets them.
    Violations(Vec<Violation>),
    /// Checking this document against this schema would take too long.
    TooCostly,
}

impl Schema {
    /// Compiles a schema of draft 6, draft 7, 2019-09 or 2020-12 (the default).
    pub(crate) fn compile(document: &Document) -> Result<Self, Violation> {
        if document.text().len() > MAX_BYTES {
            let detail = format!("a schema has at most {MAX_BYTES} bytes");
            return Err(Violation::new("", &detail));
        }
        if document.pointers() > MAX_POINTERS {
            let detail = "its names are too long for how much they hold";
            return Err(Violation::new("", detail));
        }
        let root = document.value();
        let draft = draft(root)?;
        let graph = Graph::of(root)?;
        if graph.effort(0).steps > MAX_STEPS {
            return Err(Violation::new("", "its references multiply beyond measure"));
        }
        if graph.patterns() > MAX_PATTERNS {
            let detail = format!("a schema has at most {MAX_PATTERNS} patterns");
            return Err(Violation::new("", &detail));
        }
        // All references are within the schema, so its own name has no use; it might be one that
        // the library knows better.
        let mut nameless = root.clone();
        if let Some(keywords) = nameless.as_object_mut() {
            keywords.remove("$id");
        }
        let validator = jsonschema::options()
            .with_draft(draft)
            .offline()
            .with_pattern_options(
                PatternOptions::regex()
                    .size_limit(MAX_PATTERN)
                    .dfa_size_limit(MAX_PATTERN),
            )
            .build(&nameless)
            .map_err(|error| violation(&error))?;
        Ok(Self { validator, graph })
    }

    pub(crate) fn check(&self, document: &Document) -> Result<(), Rejected> {
        let effort = self.graph.effort(document.depth());
        let times =
            |each: u64, count: usize| each.saturating_mul(u64::try_from(count).unwrap_or(u64::MAX));
        let steps = times(effort.steps, document.values());
        let matched = times(effort.patterns, document.text().len());
        let scanned = times(effort.scans, document.text().len());
        if steps > MAX_STEPS
            || matched > MAX_MATCHED
            || scanned > MAX_SCANNED
            || effort.height > MAX_HEIGHT
        {
            return Err(Rejected::TooCostly);
        }
        if self.validator.is_valid(document.value()) {
            return Ok(());
        }
        let listed = effort.steps.saturating_mul(document.pointers());
        if steps > MAX_LISTED_STEPS || listed > MAX_LISTED {
            let detail = "the document violates its schema, and is too large to say where";
            return Err(Rejected::Violations(vec![Violation::new("", detail)]));
        }
        let errors = self.validator.iter_errors(document.value());
        let violations = errors.take(MAX_VIOLATIONS).map(|error| violation(&error));
        Err(Rejected::Violations(violations.collect()))
    }
}

fn draft(root: &Value) -> Result<Draft, Violation> {
    let Some(dialect) = root.get("$schema") else {
        return Ok(Draft::Draft202012);
    };
    let uri = dialect.as_str().unwrap_or_default();
    match uri.strip_suffix('#').unwrap_or(uri) {
        "https://json-schema.org/draft/2020-12/schema" => Ok(Draft::Draft202012),
        "https://json-schema.org/draft/2019-09/schema" => Ok(Draft::Draft201909),
        "http://json-schema.org/draft-07/schema" => Ok(Draft::Draft7),
        "http://json-schema.org/draft-06/schema" => Ok(Draft::Draft6),
        _ => Err(Violation::new(
            "/$schema",
            "draft-06, draft-07, 2019-09 and 2020-12 are supported",
        )),
    }
}

// Masked: what the document holds may be secret, and who sees this may not be who wrote it.
fn violation(error: &jsonschema::ValidationError<'_>) -> Violation {
    let detail = error.masked().to_string();
    Violation::new(error.instance_path().as_str(), &detail)
}
