//! An OpenAPI description as HTML.

use std::fmt::{self, Display, Write as _};

use serde_json::Value;

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];

/// What stands between `<main>` and its end.
pub(super) fn main(api: &Value) -> String {
    let mut html = String::new();
    // Writing to a `String` cannot fail.
    let _infallible = write_main(&mut html, api);
    html
}

fn write_main(html: &mut String, api: &Value) -> fmt::Result {
    writeln!(html, "<h1>{}</h1>", text(&api["info"]["title"]))?;
    writeln!(html, "<p>{}</p>", text(&api["info"]["summary"]))?;
    writeln!(html, "<p>{}</p>", text(&api["info"]["description"]))?;
    for tag in api["tags"].as_array().into_iter().flatten() {
        writeln!(
            html,
            "<h2>{}</h2>\n<p>{}</p>",
            text(&tag["name"]),
            text(&tag["description"])
        )?;
        for (path, item) in api["paths"].as_object().into_iter().flatten() {
            for method in METHODS {
                let operation = &item[method];
                let tagged = operation["tags"]
                    .as_array()
                    .is_some_and(|tags| tags.contains(&tag["name"]));
                if tagged {
                    write_operation(html, api, path, method, item)?;
                }
            }
        }
    }
    Ok(())
}

fn write_operation(
    html: &mut String,
    api: &Value,
    path: &str,
    method: &str,
    item: &Value,
) -> fmt::Result {
    let operation = &item[method];
    writeln!(html, "<section id=\"{}\">", text(&operation["operationId"]))?;
    let (method, path) = (method.to_uppercase(), Escaped(path));
    writeln!(
        html,
        "<h3><span class=\"method\">{method}</span><code>{path}</code></h3>"
    )?;
    writeln!(
        html,
        "<p>{}. {}</p>\n<dl>",
        text(&operation["summary"]),
        text(&operation["description"])
    )?;
    let shared = item["parameters"].as_array().into_iter().flatten();
    let own = operation["parameters"].as_array().into_iter().flatten();
    for parameter in shared.chain(own) {
        let parameter = resolve(api, parameter);
        let (name, place) = (text(&parameter["name"]), text(&parameter["in"]));
        let description = text(&parameter["description"]);
        writeln!(
            html,
            "<dt><code>{name}</code> ({place})</dt><dd>{description}</dd>"
        )?;
    }
    for (media_type, _) in operation["requestBody"]["content"]
        .as_object()
        .into_iter()
        .flatten()
    {
        writeln!(
            html,
            "<dt>Body</dt><dd><code>{}</code></dd>",
            Escaped(media_type)
        )?;
    }
    for (status, response) in operation["responses"].as_object().into_iter().flatten() {
        let description = text(&resolve(api, response)["description"]);
        writeln!(html, "<dt>{}</dt><dd>{description}</dd>", Escaped(status))?;
    }
    writeln!(html, "</dl>\n</section>")
}

fn resolve<'a>(api: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"]
        .as_str()
        .and_then(|target| target.strip_prefix('#'));
    pointer
        .and_then(|pointer| api.pointer(pointer))
        .unwrap_or(value)
}

fn text(value: &Value) -> Escaped<'_> {
    Escaped(value.as_str().unwrap_or_default())
}

/// Text between tags or in an attribute with double quotes.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            c => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn every_operation_is_there_and_text_is_escaped() {
        let api = serde_json::from_str(super::super::pages::OPENAPI).unwrap();
        let html = super::main(&api);
        let operations: usize = api["paths"]
            .as_object()
            .unwrap()
            .values()
            .map(|item| {
                super::METHODS
                    .iter()
                    .filter(|method| item.get(method).is_some())
                    .count()
            })
            .sum();
        assert_eq!(html.matches("<section id=").count(), operations);

        let api = json!({"info": {"title": "<b>&\"", "summary": 1}});
        assert!(super::main(&api).starts_with("<h1>&lt;b&gt;&amp;&quot;</h1>\n<p></p>"));
    }
}
