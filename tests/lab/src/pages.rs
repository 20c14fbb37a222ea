//! The pages of the home and of the sites around it.

use serde_json::json;

use crate::http::{Request, Response};

const LOGIN: &str = include_str!("pages/authorize.html");

/// The home: what of Home Assistant matters to somebody who stands between, and pages that keep a
/// browser busy in other ways.
pub fn home(request: &Request) -> Response {
    match request.path() {
        "/" => Response::html(include_str!("pages/home.html"))
            .with("set-cookie", "session=secret-cookie; Secure; HttpOnly; Path=/; SameSite=Lax"),
        "/auth/plain" => Response::html(include_str!("pages/plain.html")),
        "/auth/login" => login(request),
        "/socket" => Response::html(include_str!("pages/socket.html")),
        "/poll" => Response::html(include_str!("pages/poll.html")),
        "/worker" => Response::html(include_str!("pages/worker.html")),
        "/sw.js" => Response::new("200 OK", "text/javascript", include_str!("pages/sw.js")),
        // The back/forward cache leaves out what must not be stored.
        "/bfcache" => {
            Response::html(include_str!("pages/bfcache.html")).with("cache-control", "no-cache")
        }
        "/frame" => Response::html(include_str!("pages/frame.html")),
        "/api/state" => Response::json(&json!({"state": "on"})),
        path if path.starts_with("/auth/authorize") => Response::html(LOGIN),
        path if path.starts_with("/echo") => echo(request),
        _ => not_found(),
    }
}

/// Somebody else's site, which sends people and requests to the home. `issuer` is a proxy's
/// intermediate.
pub fn other(request: &Request, issuer: &[u8]) -> Response {
    match request.path() {
        "/" => Response::html("<!doctype html><title>Elsewhere</title><h1>Elsewhere</h1>"),
        "/form" => Response::html(include_str!("pages/form.html")),
        "/link" => Response::html(include_str!("pages/link.html")),
        "/embed" => Response::html(include_str!("pages/embed.html")),
        "/issuer.cer" => Response::new("200 OK", "application/pkix-cert", issuer),
        _ => not_found(),
    }
}

/// A host that looks like the home's: a login page wherever one comes.
pub fn look_alike(request: &Request) -> Response {
    match request.path() {
        "/auth/login" => login(request),
        _ => Response::html(LOGIN),
    }
}

fn login(request: &Request) -> Response {
    if request.header("content-type").starts_with("application/json") {
        Response::json(&json!({"result": "logged-in"}))
    } else {
        Response::html("<!doctype html><title>Logged in</title><h1>Logged in</h1>")
    }
}

/// Shows what arrived.
fn echo(request: &Request) -> Response {
    let seen = json!({
        "method": request.method,
        "target": request.target,
        "cookie": request.header("cookie"),
        "body": String::from_utf8_lossy(&request.body),
    });
    let seen = seen.to_string().replace('&', "&amp;").replace('<', "&lt;");
    Response::html(include_str!("pages/echo.html").replace("{seen}", &seen))
}

fn not_found() -> Response {
    let page = "<!doctype html><title>Not found</title><h1>Not found</h1>";
    Response::new("404 Not Found", "text/html; charset=utf-8", page)
}
