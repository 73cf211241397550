//! How much work a schema can make, computed before it is run.
//!
//! References let a schema of a few lines ask for more steps than there are atoms: twenty
//! definitions that each name the next one twice visit the last one a million times, and two
//! branches that both go on into the same child double with every level of the document. Here the
//! schema becomes a graph of subschemas. An edge either stays at the same value of the document
//! (`allOf`, `$ref`, ...) or goes on into its children (`properties`, `items`, ...), so that a
//! walk from the targets of edges to their sources, once per level of the document, counts the
//! most steps that any one value can cost.

use std::collections::HashMap;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::Violation;

/// What checking one value, with everything that contains it, can take at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Effort {
    /// Keywords, counted with what they hold: a long `enum` is searched from end to end.
    pub(super) steps: u64,
    /// Patterns that the value, or the name of a child, is matched with.
    pub(super) patterns: u64,
    /// Keywords that read the value from end to end: the characters of a string, the items of a list.
    pub(super) scans: u64,
    /// The longest chain of schemas that are evaluated inside each other.
    pub(super) height: u64,
}

impl Effort {
    /// One after the other.
    fn and(self, other: Self) -> Self {
        Self {
            steps: self.steps.saturating_add(other.steps),
            patterns: self.patterns.saturating_add(other.patterns),
            scans: self.scans.saturating_add(other.scans),
            height: self.height.max(other.height),
        }
    }

    /// One or the other.
    fn or(self, other: Self) -> Self {
        Self {
            steps: self.steps.max(other.steps),
            patterns: self.patterns.max(other.patterns),
            scans: self.scans.max(other.scans),
            height: self.height.max(other.height),
        }
    }
}

/// The subschemas that can be reached, each after those that it applies to the same value.
#[derive(Debug)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    root: usize,
}

#[derive(Debug, Default)]
struct Node {
    own: Effort,
    same_value: Vec<usize>,
    /// Of these, at most one applies to any one child (`properties` have different names).
    one_per_child: Vec<usize>,
    /// These may apply to every child, beside the one above.
    every_child: Vec<usize>,
}

impl Graph {
    /// Follows every reference, and refuses those that leave the schema or go round in circles.
    pub(super) fn of(root: &Value) -> Result<Self, Violation> {
        let mut reader = Reader {
            root,
            known: HashMap::new(),
            found: Vec::new(),
        };
        reader.id(root, String::new());
        let mut nodes = Vec::new();
        while let Some((schema, pointer)) = reader.found.get(nodes.len()).cloned() {
            nodes.push(reader.node(schema, &pointer)?);
        }
        let order = inner_first(&nodes).map_err(|id| {
            let pointer = reader.found.get(id).map(|(_, pointer)| pointer.as_str());
            let detail = "its references lead back to it without going into the document";
            Violation::new(pointer.unwrap_or_default(), detail)
        })?;
        Ok(Self::sorted(nodes, &order))
    }

    fn sorted(mut nodes: Vec<Node>, order: &[usize]) -> Self {
        let mut place = vec![0; nodes.len()];
        for (at, &id) in order.iter().enumerate() {
            place[id] = at;
        }
        for node in &mut nodes {
            let edges = [
                &mut node.same_value,
                &mut node.one_per_child,
                &mut node.every_child,
            ];
            for id in edges.into_iter().flatten() {
                *id = place[*id];
            }
        }
        let take = |&id: &usize| std::mem::take(&mut nodes[id]);
        Self {
            nodes: order.iter().map(take).collect(),
            root: place[0],
        }
    }

    /// How many patterns have to be compiled.
    pub(super) fn patterns(&self) -> u64 {
        self.nodes.iter().map(|node| node.own.patterns).sum()
    }

    /// The most that one value can cost in a document with this many levels of nesting.
    pub(super) fn effort(&self, depth: usize) -> Effort {
        let mut level: Vec<Effort> = Vec::new();
        for _ in 0..=depth {
            let children = std::mem::take(&mut level);
            for node in &self.nodes {
                level.push(node.effort(&level, &children));
            }
        }
        level[self.root]
    }
}

impl Node {
    /// `same` holds the efforts at this level of all nodes before this one, `children` those of all
    /// nodes one level further in, and nothing at the innermost level.
    fn effort(&self, same: &[Effort], children: &[Effort]) -> Effort {
        let same = self.same_value.iter().filter_map(|&id| same.get(id));
        let every = self.every_child.iter().filter_map(|&id| children.get(id));
        let one = self.one_per_child.iter().filter_map(|&id| children.get(id));
        let widest = one.copied().fold(Effort::default(), Effort::or);
        let whole = same
            .chain(every)
            .copied()
            .fold(self.own, Effort::and)
            .and(widest);
        Effort {
            height: whole.height + 1,
            ..whole
        }
    }
}

struct Reader<'a> {
    root: &'a Value,
    known: HashMap<*const Value, usize>,
    found: Vec<(&'a Value, String)>,
}

impl<'a> Reader<'a> {
    /// The number of a subschema, which is the same however it is reached.
    fn id(&mut self, schema: &'a Value, pointer: String) -> usize {
        let next = self.found.len();
        let id = *self.known.entry(std::ptr::from_ref(schema)).or_insert(next);
        if id == next {
            self.found.push((schema, pointer));
        }
        id
    }

    fn node(&mut self, schema: &'a Value, pointer: &str) -> Result<Node, Violation> {
        let mut node = Node::default();
        node.own.steps = 1;
        // `true` and `false` are schemas too; anything else the meta-schema will refuse.
        let Some(keywords) = schema.as_object() else {
            return Ok(node);
        };
        for (keyword, value) in keywords {
            let at = format!("{pointer}/{}", escape(keyword));
            match keyword.as_str() {
                "$ref" => {
                    let target = self.target(value, &at)?;
                    node.same_value.push(target);
                }
                "$id" if pointer.is_empty() => {}
                "$id" | "$anchor" | "$dynamicAnchor" | "$recursiveAnchor" | "$dynamicRef"
                | "$recursiveRef" => {
                    let detail =
                        "only `$ref` into the schema itself is supported, and `$id` at its root";
                    return Err(Violation::new(&at, detail));
                }
                "allOf" | "anyOf" | "oneOf" | "not" | "if" | "then" | "else"
                | "dependentSchemas" | "dependencies" => {
                    self.collect(keyword, value, &at, &mut node.same_value);
                }
                "properties"
                | "additionalProperties"
                | "prefixItems"
                | "items"
                | "additionalItems" => {
                    self.collect(keyword, value, &at, &mut node.one_per_child);
                }
                "pattern" => node.own.patterns += 1,
                "minLength" | "maxLength" | "format" | "contentEncoding" | "contentMediaType"
                | "uniqueItems" => {
                    node.own.steps += 1;
                    node.own.scans += 1;
                }
                "patternProperties" => {
                    self.collect(keyword, value, &at, &mut node.every_child);
                    let patterns = value.as_object().map_or(0, serde_json::Map::len);
                    node.own.patterns += u64::try_from(patterns).unwrap_or(u64::MAX);
                }
                "propertyNames" | "contains" | "unevaluatedProperties" | "unevaluatedItems" => {
                    self.collect(keyword, value, &at, &mut node.every_child);
                }
                // Reached by reference or not at all.
                "$defs" | "definitions" => {}
                _ => node.own.steps = node.own.steps.saturating_add(size(value)),
            }
        }
        if keywords.contains_key("unevaluatedProperties")
            || keywords.contains_key("unevaluatedItems")
        {
            // What the others have evaluated is found out by asking them a second time.
            let again = node.same_value.clone();
            node.same_value.extend(again);
        }
        Ok(node)
    }

    /// The subschemas that a keyword holds: itself, or in a list, or in a map.
    fn collect(&mut self, keyword: &str, value: &'a Value, at: &str, edges: &mut Vec<usize>) {
        let mapped = matches!(
            keyword,
            "properties" | "patternProperties" | "dependentSchemas" | "dependencies"
        );
        match value {
            Value::Array(list) => {
                for (index, schema) in list.iter().enumerate() {
                    edges.push(self.id(schema, format!("{at}/{index}")));
                }
            }
            Value::Object(map) if mapped => {
                for (name, schema) in map {
                    edges.push(self.id(schema, format!("{at}/{}", escape(name))));
                }
            }
            schema => edges.push(self.id(schema, at.to_owned())),
        }
    }

    fn target(&mut self, reference: &'a Value, at: &str) -> Result<usize, Violation> {
        let refused = |detail| Violation::new(at, detail);
        let fragment = reference
            .as_str()
            .and_then(|text| text.strip_prefix('#'))
            .filter(|fragment| fragment.is_empty() || fragment.starts_with('/'))
            .ok_or_else(|| {
                refused("a reference has the form `#/$defs/name`: nothing outside is read")
            })?;
        let pointer = percent_decode_str(fragment)
            .decode_utf8()
            .map_err(|_| refused("the reference is not UTF-8"))?;
        let schema = self
            .root
            .pointer(&pointer)
            .ok_or_else(|| refused("the reference leads nowhere"))?;
        Ok(self.id(schema, pointer.into_owned()))
    }
}

/// Numbers of the nodes, each after those it applies to the same value; one that is part of a
/// circle, or leads into one, when there is no such order.
fn inner_first(nodes: &[Node]) -> Result<Vec<usize>, usize> {
    let mut waiting: Vec<usize> = nodes.iter().map(|node| node.same_value.len()).collect();
    let mut users = vec![Vec::new(); nodes.len()];
    for (id, node) in nodes.iter().enumerate() {
        for &inner in &node.same_value {
            users[inner].push(id);
        }
    }
    let mut order: Vec<usize> = (0..nodes.len()).filter(|&id| waiting[id] == 0).collect();
    let mut next = 0;
    while let Some(&id) = order.get(next) {
        next += 1;
        for &user in &users[id] {
            waiting[user] -= 1;
            if waiting[user] == 0 {
                order.push(user);
            }
        }
    }
    match waiting.iter().position(|&count| count > 0) {
        Some(id) => Err(id),
        None => Ok(order),
    }
}

fn size(value: &Value) -> u64 {
    match value {
        Value::Array(list) => list.iter().map(size).sum::<u64>() + 1,
        Value::Object(map) => map.values().map(size).sum::<u64>() + 1,
        _ => 1,
    }
}

pub(super) fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}

pub(super) fn unescape(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}
