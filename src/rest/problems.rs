//! Pages about problems: what a problem's `type` leads to, for the person who has to do something about it.

use super::Exchange;
use crate::{
    openapi,
    problem::{Code, Problem},
};
use axum::{
    Extension,
    extract::{Path, rejection::PathRejection},
    response::{Html, IntoResponse, Response},
};
use http::{HeaderValue, header};
use std::sync::Arc;

/// The frame of every page: `{title}` and `{body}` are filled in. Links are relative, so a base path does not matter.
const FRAME: &str = include_str!("problem.html");

/// Nothing but the style of the page itself.
const CONTENT_SECURITY_POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'");

/// `/problems/{code}`: what is behind a problem, what to do about it, and what it looks like.
pub(super) async fn one(
    Extension(exchange): Extension<Arc<Exchange>>,
    slug: Result<Path<String>, PathRejection>,
) -> Response {
    let slug = slug.map_or_else(|_| String::new(), |Path(slug)| slug);
    let Some(code) = Code::ALL.into_iter().find(|code| code.slug() == slug) else {
        let problem = Problem::new(Code::NoSuchRoute, "There is no problem of this name; /problems/ lists all.");
        return exchange.failed(&problem).into_response();
    };
    let origin = exchange.origin();
    let body = format!(
        "<p>{status} · <code>{name}</code></p>\n<h1>{title}</h1>\n\
         <h2>What is behind it</h2>\n<p>{cause}</p>\n<h2>What to do</h2>\n<p>{cure}</p>\n\
         <h2>What it looks like</h2>\n<pre>{example}</pre>\n\
         <p>A program branches on <code>code</code>. <code>detail</code> tells what happened this time; with \
         <code>requestId</code>, the gateway's log tells more.</p>",
        status = code.status(),
        name = code.name(),
        title = escaped(code.title()),
        cause = escaped(code.cause()),
        cure = escaped(code.cure()),
        example = escaped(&format!("{:#}", openapi::problem(code, &origin))),
    );
    page(code.title(), &body)
}

/// `/problems/`: all of them, by status.
pub(super) async fn all() -> Response {
    let mut codes = Code::ALL;
    codes.sort_by_key(|code| code.status());
    let entry = |code: &Code| {
        let (status, slug, name) = (code.status().as_u16(), code.slug(), code.name());
        format!("<dt>{status} <a href=\"{slug}\"><code>{name}</code></a></dt><dd>{}</dd>", escaped(code.cause()))
    };
    let entries: Vec<_> = codes.iter().map(entry).collect();
    let body = format!("<h1>What can go wrong</h1>\n<dl>\n{}\n</dl>", entries.join("\n"));
    page("What can go wrong", &body)
}

fn page(title: &str, body: &str) -> Response {
    let html = FRAME.replace("{title}", &escaped(title)).replace("{body}", body);
    let mut response = Html(html).into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    response
}

/// A text as it stands in HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
