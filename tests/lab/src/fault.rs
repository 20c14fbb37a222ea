//! How a server fails: what of its true answer is changed, and how the bytes go out.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::time::Duration;

use base64ct::{Base64, Encoding};
use serde::Deserialize;

use crate::http::Response;

/// How many bytes too many a [`Shape::Huge`] body has.
const HUGE: usize = 12 * 1024 * 1024;

/// Between two bytes of a [`Shape::Trickle`].
const TRICKLE: Duration = Duration::from_millis(50);

/// One way to fail. Where nothing is set, the true answer goes out as it is. `{"status": 429,
/// "headers": {"retry-after": "2"}, "times": 1}`
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fault {
    /// Another status, with a page of HTML for a body and without what the true answer would say in
    /// its head.
    pub status: Option<u16>,
    /// Further headers, or other ones.
    pub headers: BTreeMap<String, String>,
    /// Another body.
    pub body: Option<String>,
    /// Another body, of bytes that need not be text.
    pub body_base64: Option<String>,
    /// How long it waits first.
    pub delay_ms: u64,
    /// How the bytes go out.
    pub shape: Shape,
    /// How many requests are answered truly before.
    pub skip: u32,
    /// How many requests meet it; all, if nothing is said.
    pub times: Option<u32>,
}

/// How the bytes of an answer go out.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// As they are.
    #[default]
    Whole,
    /// The first half of what is announced; then it hangs up.
    Truncated,
    /// After twelve megabytes of spaces, which do no harm to JSON.
    Huge,
    /// After spaces without end, in chunks.
    Endless,
    /// Byte by byte, with pauses.
    Trickle,
    /// Never: the line stays open.
    Hang,
    /// Not at all: it hangs up.
    Close,
}

impl Fault {
    /// What the modes are short for. `elsewhere` is where the mode `redirect` leads. None where
    /// there is no such mode.
    pub fn preset(mode: &str, elsewhere: &str) -> Option<Self> {
        let shaped = |shape| Self { shape, ..Self::default() };
        let body = |body: String| Self { body: Some(body), ..Self::default() };
        let header =
            |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
        Some(match mode {
            "400" | "401" | "403" | "404" | "410" | "500" | "502" | "503" => {
                Self { status: mode.parse().ok(), ..Self::default() }
            }
            "429" => {
                Self { status: Some(429), headers: header("retry-after", "2"), ..Self::default() }
            }
            "redirect" => Self {
                status: Some(302),
                headers: header("location", elsewhere),
                ..Self::default()
            },
            "slow" => Self { delay_ms: 3_000, ..Self::default() },
            "truncated" => shaped(Shape::Truncated),
            "huge" => shaped(Shape::Huge),
            "endless" => shaped(Shape::Endless),
            "trickle" => shaped(Shape::Trickle),
            "hang" => shaped(Shape::Hang),
            "close" => shaped(Shape::Close),
            "nothing" => body(String::new()),
            "null" => body("null".into()),
            "markup" => {
                body(format!("<!doctype html><title>{0}</title>{0}", crate::scenario::MARKUP))
            }
            "nested" => body("[".repeat(200_000)),
            "not-utf8" => Self {
                body_base64: Some(Base64::encode_string(b"\"\xff\xfe\xc0\x80\"")),
                ..Self::default()
            },
            _ => return None,
        })
    }

    /// The answer as it goes out.
    pub fn apply(&self, truth: Response) -> Response {
        let mut answer = match self.status {
            None => truth,
            Some(status) => {
                let status = format!("{status} {}", reason(status));
                let page = format!(
                    "<html><head><title>{status}</title></head><body>{status}</body></html>\n"
                );
                Response::new(status, "text/html", page)
            }
        };
        if let Some(body) = &self.body {
            answer.body = body.clone().into_bytes();
        }
        if let Some(body) = self.body_base64.as_ref().and_then(|body| Base64::decode_vec(body).ok())
        {
            answer.body = body;
        }
        for (name, value) in &self.headers {
            answer = answer.with(name.clone(), value);
        }
        answer
    }

    /// Sends an answer that the fault was applied to. Says whether the connection can be used
    /// again.
    pub fn send(
        &self,
        answer: &Response,
        stream: &mut (impl Read + Write),
        is_head_only: bool,
    ) -> io::Result<bool> {
        std::thread::sleep(Duration::from_millis(self.delay_ms));
        let announce = |length| {
            let mut head = answer.head();
            head.extend_from_slice(format!("content-length: {length}\r\n\r\n").as_bytes());
            head
        };
        let length = answer.body.len();
        match self.shape {
            Shape::Whole => {
                answer.send(stream, is_head_only)?;
                return Ok(true);
            }
            Shape::Close => {}
            Shape::Hang => while stream.read(&mut [0; 4096])? > 0 {},
            Shape::Truncated => {
                stream.write_all(&announce(length.max(2)))?;
                stream.write_all(&answer.body[..length / 2])?;
            }
            Shape::Huge => {
                stream.write_all(&announce(HUGE + length))?;
                stream.write_all(&vec![b' '; HUGE])?;
                stream.write_all(&answer.body)?;
            }
            Shape::Endless => {
                stream.write_all(&answer.head())?;
                stream.write_all(b"transfer-encoding: chunked\r\n\r\n")?;
                let chunk = [&b"4000\r\n"[..], &[b' '; 0x4000], b"\r\n"].concat();
                loop {
                    stream.write_all(&chunk)?;
                }
            }
            Shape::Trickle => {
                for byte in [announce(length), answer.body.clone()].concat() {
                    stream.write_all(&[byte])?;
                    stream.flush()?;
                    std::thread::sleep(TRICKLE);
                }
            }
        }
        stream.flush()?;
        Ok(false)
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        302 => "Found",
        400 => "Bad Request",
        404 => "Not Found",
        410 => "Gone",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Said So",
    }
}
