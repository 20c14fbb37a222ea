//! HTTP/1.1 as far as browsers need it of a small server: requests one after the other, bodies by
//! content-length.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Read, Write};

/// More head than this is refused.
const HEAD_LIMIT: usize = 65_536;

/// More body than this is read and thrown away.
pub const BODY_LIMIT: usize = 65_536;

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET` and so on.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// By their names in lower case; those that come twice are joined by commas.
    pub headers: BTreeMap<String, String>,
    /// The body, or the first of it.
    pub body: Vec<u8>,
}

/// An answer; it says how long it is, and that it is not to be stored.
#[derive(Clone, Debug)]
pub struct Response {
    /// `200 OK` and so on.
    pub status: Cow<'static, str>,
    /// What is sent beside the length.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// A parameter of the query, decoded as forms are.
    pub fn query(&self, name: &str) -> Option<String> {
        self.queries(name).into_iter().next()
    }

    /// All values of a parameter.
    pub fn queries(&self, name: &str) -> Vec<String> {
        let pairs = self.target.split_once('?').map_or("", |(_, query)| query).split('&');
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs.filter(|(key, _)| decoded(key) == name).map(|(_, value)| decoded(value)).collect()
    }

    /// A header, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// True where the client asks for a WebSocket.
    pub fn wants_websocket(&self) -> bool {
        self.header("upgrade").eq_ignore_ascii_case("websocket")
    }

    /// True where the client will ask nothing more on this connection.
    pub fn is_last(&self) -> bool {
        self.header("connection").eq_ignore_ascii_case("close")
    }
}

impl Response {
    /// An answer of one type that is not to be stored.
    pub fn new(
        status: impl Into<Cow<'static, str>>,
        content_type: &str,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        let headers = vec![
            ("content-type".into(), content_type.into()),
            ("cache-control".into(), "no-store".into()),
        ];
        Self { status: status.into(), headers, body: body.into() }
    }

    /// A page.
    pub fn html(body: impl Into<Vec<u8>>) -> Self {
        Self::new("200 OK", "text/html; charset=utf-8", body)
    }

    /// JSON.
    pub fn json(body: &serde_json::Value) -> Self {
        Self::new("200 OK", "application/json", body.to_string())
    }

    /// The same with another header.
    pub fn with(mut self, name: impl Into<Cow<'static, str>>, value: &str) -> Self {
        let name = name.into();
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value.into()));
        self
    }

    /// The same with another status.
    pub fn with_status(mut self, status: &'static str) -> Self {
        self.status = status.into();
        self
    }

    /// Sends it, without its body where only the head was asked for.
    pub fn send(&self, stream: &mut impl Write, is_head_only: bool) -> io::Result<()> {
        let mut bytes = self.head();
        write!(bytes, "content-length: {}\r\n\r\n", self.body.len())?;
        if !is_head_only {
            bytes.extend_from_slice(&self.body);
        }
        stream.write_all(&bytes)?;
        stream.flush()
    }

    /// The first lines, before whatever says how long the body is.
    pub fn head(&self) -> Vec<u8> {
        let mut head = format!("HTTP/1.1 {}\r\n", self.status);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head.into_bytes()
    }
}

/// The next request, or none at the end of the connection.
///
/// `buffer` keeps what came after it. A body that breaks off is taken as far as it came: what was
/// sent was sent.
pub fn next_request(stream: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<Option<Request>> {
    let (mut request, head_length) = loop {
        if let Some(parsed) = parse_head(buffer)? {
            break parsed;
        }
        if buffer.len() > HEAD_LIMIT {
            return Err(io::Error::other("a head without an end"));
        }
        if read_more(stream, buffer)? == 0 {
            return Ok(None);
        }
    };
    buffer.drain(..head_length);
    let mut left: usize = request.header("content-length").parse().unwrap_or(0);
    loop {
        let part: Vec<u8> = buffer.drain(..left.min(buffer.len())).collect();
        left -= part.len();
        let room = BODY_LIMIT - request.body.len();
        request.body.extend_from_slice(&part[..room.min(part.len())]);
        if left == 0 || !matches!(read_more(stream, buffer), Ok(1..)) {
            return Ok(Some(request));
        }
    }
}

/// application/x-www-form-urlencoded: `+` is a space, `%2B` a plus.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        rest = more;
        let code = more
            .get(..2)
            .and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        bytes.push(match (first, code) {
            (b'%', Some(code)) => {
                rest = &more[2..];
                code
            }
            (b'+', _) => b' ',
            (other, _) => *other,
        });
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn parse_head(buffer: &[u8]) -> io::Result<Option<(Request, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut parsed = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = parsed.parse(buffer).map_err(io::Error::other)? else {
        return Ok(None);
    };
    let mut headers = BTreeMap::new();
    for header in parsed.headers.iter() {
        let value = String::from_utf8_lossy(header.value);
        headers
            .entry(header.name.to_ascii_lowercase())
            .and_modify(|joined: &mut String| *joined = format!("{joined}, {value}"))
            .or_insert_with(|| value.to_string());
    }
    let method = parsed.method.unwrap_or_default().into();
    let target = parsed.path.unwrap_or_default().into();
    Ok(Some((Request { method, target, headers, body: Vec::new() }, length)))
}

fn read_more(stream: &mut impl Read, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let mut part = [0; 16_384];
    let count = stream.read(&mut part)?;
    buffer.extend_from_slice(&part[..count]);
    Ok(count)
}
