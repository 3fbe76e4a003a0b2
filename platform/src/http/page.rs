//! The page at `/docs`: plain HTML made once from the OpenAPI document. No script, nothing loaded.

use std::fmt::Write as _;

use serde_json::{Map, Value};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;\
padding:0 1rem;color:#1b1f24;background:#fff}code,pre{font:14px/1.45 ui-monospace,monospace}\
pre{background:#f4f5f7;padding:.75rem;overflow-x:auto}h2{margin-top:2.5rem;border-top:1px solid \
#d8dce2;padding-top:1rem}table{border-collapse:collapse}td,th{text-align:left;padding:.2rem 1rem \
.2rem 0;vertical-align:top}summary{cursor:pointer}.m{display:inline-block;min-width:4.5rem;\
font-weight:600}@media(prefers-color-scheme:dark){body{color:#e6e8eb;background:#15181c}\
pre{background:#20242a}a{color:#8ab4f8}}";

const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];

/// The whole page.
pub(super) fn render(document: &Value) -> String {
    let mut page = String::new();
    let info = &document["info"];
    let title = escape(text(&info["title"], "API"));
    let version = escape(text(&info["version"], ""));
    let intro = escape(text(&info["description"], ""));
    add(
        &mut page,
        format_args!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><style>{STYLE}</style></head>\
             <body>\
         <h1>{title} {version}</h1><p>{intro}</p>\
         <p>The same as a document for programs: <a href=\"/openapi.json\">openapi.json</a>.</p>"
        ),
    );
    let none = Map::new();
    for (path, item) in document["paths"].as_object().unwrap_or(&none) {
        add(
            &mut page,
            format_args!("<h2><code>{}</code></h2>", escape(path)),
        );
        let shared = item["parameters"].as_array().map_or(&[][..], Vec::as_slice);
        for method in METHODS {
            if let Some(operation) = item.get(method) {
                operation_part(&mut page, method, operation, shared);
            }
        }
    }
    add(&mut page, format_args!("<h2>Schemas</h2>"));
    for (name, schema) in document["components"]["schemas"]
        .as_object()
        .unwrap_or(&none)
    {
        let name = escape(name);
        add(
            &mut page,
            format_args!("<h3 id=\"schema-{name}\"><code>{name}</code></h3>"),
        );
        add(
            &mut page,
            format_args!("<pre>{}</pre>", escape(&pretty(schema))),
        );
    }
    page.push_str("</body></html>");
    page
}

fn operation_part(page: &mut String, method: &str, operation: &Value, shared: &[Value]) {
    let summary = escape(text(&operation["summary"], ""));
    let method = method.to_uppercase();
    add(
        page,
        format_args!("<p><code class=\"m\">{method}</code> {summary}</p>"),
    );
    if let Some(description) = operation["description"].as_str() {
        add(page, format_args!("<p>{}</p>", escape(description)));
    }
    let own = operation["parameters"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    if !(own.is_empty() && shared.is_empty()) {
        page.push_str("<table><tr><th>parameter</th><th>in</th><th></th></tr>");
        for parameter in shared.iter().chain(own) {
            let required = if parameter["required"] == true {
                " (required)"
            } else {
                ""
            };
            add(
                page,
                format_args!(
                    "<tr><td><code>{}</code>{required}</td><td>{}</td><td>{}</td></tr>",
                    escape(text(&parameter["name"], "")),
                    escape(text(&parameter["in"], "")),
                    escape(text(&parameter["description"], "")),
                ),
            );
        }
        page.push_str("</table>");
    }
    if let Some(body) = operation.get("requestBody") {
        let body = escape(&pretty(&body["content"]));
        add(
            page,
            format_args!("<details><summary>body</summary><pre>{body}</pre></details>"),
        );
    }
    page.push_str("<table>");
    for (status, response) in operation["responses"].as_object().unwrap_or(&Map::new()) {
        let what = escape(text(&response["description"], ""));
        let status = escape(status);
        add(
            page,
            format_args!("<tr><td><code>{status}</code></td><td>{what}</td></tr>"),
        );
    }
    page.push_str("</table>");
}

fn add(page: &mut String, text: std::fmt::Arguments<'_>) {
    if page.write_fmt(text).is_err() {
        // Writing to a string does not fail; the page would be cut short, nothing else.
        tracing::error!("the page of the API could not be made");
    }
}

fn text<'a>(value: &'a Value, otherwise: &'a str) -> &'a str {
    value.as_str().unwrap_or(otherwise)
}

fn pretty(value: &Value) -> String {
    format!("{value:#}")
}

fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            plain => safe.push(plain),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_every_operation_and_lets_no_markup_through() {
        let page = render(&serde_json::json!({
            "info": {"title": "<script>x</script>", "version": "1"},
            "paths": {"/v1/x/{id}": {
                "parameters": [{"name": "id", "in": "path", "required": true}],
                "post": {
                    "summary": "Makes \"it\"", "requestBody": {"content": {"a<b": {}}},
                    "responses": {"201": {"description": "made"}},
                },
                "get": {"responses": {"200": {"description": "<b>"}}},
            }},
            "components": {"schemas": {"It<": {"type": "object"}}},
        }));
        for part in [
            "/v1/x/{id}",
            ">POST<",
            ">GET<",
            "Makes &quot;it&quot;",
            "(required)",
            "201",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("a<b"));
        assert!(page.contains("&lt;script&gt;") && page.contains("schema-It&lt;"));
    }

    #[test]
    fn a_document_without_anything_still_gives_a_page() {
        assert!(render(&Value::Null).ends_with("</body></html>"));
    }
}
