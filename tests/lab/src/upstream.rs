//! Passes requests on to a real server on loopback, as what ends the TLS of a remote address does:
//! the home itself, and whoever stands between.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::http::Request;

/// Somebody on the internet (RFC 5737). Loopback would be taken for the local network.
const REMOTE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

/// A real server, and whom it is told that requests come from.
#[derive(Clone, Copy, Debug)]
pub struct Upstream {
    /// Where it listens.
    pub address: SocketAddr,
    /// Who asks.
    pub from: IpAddr,
}

impl Upstream {
    /// Without `from`, somebody on the internet asks.
    pub fn new(address: SocketAddr, from: Option<IpAddr>) -> Self {
        Self { address, from: from.unwrap_or(REMOTE) }
    }
}

/// How long one side of a WebSocket is listened to before it is the other's turn.
const TURN: Duration = Duration::from_millis(2);

/// Passes one request on, and what comes back; a WebSocket both ways, byte by byte. True where the
/// client's connection can be used again.
///
/// `socket` is what `stream` stands on, `buffer` what came after the request. `heard` is told how
/// many bytes a WebSocket brought, each time.
pub fn pass_on(
    mut stream: impl Read + Write,
    socket: &TcpStream,
    request: &Request,
    buffer: &[u8],
    upstream: Upstream,
    heard: impl Fn(usize),
) -> io::Result<bool> {
    let mut server = TcpStream::connect(upstream.address)?;
    server.set_nodelay(true)?;
    server.write_all(&head(request, upstream.from)?)?;
    server.write_all(&request.body)?;
    if request.wants_websocket() {
        server.write_all(buffer)?;
        let ended = both_ways(&mut stream, socket, &mut server, heard);
        let _ = server.shutdown(Shutdown::Both);
        ended.map(|()| false)
    } else {
        let is_whole = hand_back(&mut server, &mut stream, request.method == "HEAD")?;
        stream.flush()?;
        Ok(is_whole && !request.is_last())
    }
}

/// Hands the server's answer back. Where it says how long it is, it does not say any more that the
/// connection ends; a browser that loads hundreds of files would shake hands for each. True then.
fn hand_back(
    server: &mut TcpStream,
    client: &mut impl Write,
    is_head_only: bool,
) -> io::Result<bool> {
    let mut bytes = Vec::new();
    let mut part = [0; 16_384];
    let length = loop {
        let count = server.read(&mut part)?;
        if count == 0 {
            break None;
        }
        bytes.extend_from_slice(&part[..count]);
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut answer = httparse::Response::new(&mut headers);
        if let httparse::Status::Complete(end) = answer.parse(&bytes).map_err(io::Error::other)? {
            let named = |name| {
                answer.headers.iter().find(move |header| header.name.eq_ignore_ascii_case(name))
            };
            let is_empty = is_head_only || matches!(answer.code, Some(204 | 304));
            let length = named("content-length")
                .and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok());
            break if is_empty { Some(0) } else { length }.map(|length: usize| (end, length));
        }
    };
    let Some((end, length)) = length else {
        client.write_all(&bytes)?;
        io::copy(server, client)?;
        return Ok(false);
    };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let kept = head
        .split_inclusive("\r\n")
        .filter(|line| !line.to_ascii_lowercase().starts_with("connection:"));
    client.write_all(kept.collect::<String>().as_bytes())?;
    client.write_all(&bytes[end..])?;
    let left = length.saturating_sub(bytes.len() - end);
    io::copy(&mut server.take(left.try_into().map_err(io::Error::other)?), client)?;
    Ok(true)
}

/// The request as the server gets it: it is told who asks, and to end the connection after its
/// answer.
fn head(request: &Request, from: IpAddr) -> io::Result<Vec<u8>> {
    let length = request.header("content-length").parse().unwrap_or(0);
    if request.body.len() != length {
        return Err(io::Error::other("more body than the lab keeps, or less than was announced"));
    }
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method, request.target);
    for (name, value) in &request.headers {
        if name != "connection" && !name.starts_with("x-forwarded-") {
            head += &format!("{name}: {value}\r\n");
        }
    }
    let connection = if request.wants_websocket() { "Upgrade" } else { "close" };
    head += &format!(
        "connection: {connection}\r\nx-forwarded-for: {from}\r\nx-forwarded-proto: https\r\n\r\n"
    );
    Ok(head.into_bytes())
}

/// TLS is read and written by the same hands, so the two sides take turns.
fn both_ways(
    client: &mut (impl Read + Write),
    socket: &TcpStream,
    server: &mut TcpStream,
    heard: impl Fn(usize),
) -> io::Result<()> {
    socket.set_read_timeout(Some(TURN))?;
    server.set_read_timeout(Some(TURN))?;
    while let Some(count) = carry(client, server)? {
        if count > 0 {
            heard(count);
        }
        if carry(server, client)?.is_none() {
            break;
        }
    }
    Ok(())
}

/// Carries over what is there by now, and says how many bytes. None where there is no more to come.
fn carry(from: &mut impl Read, to: &mut impl Write) -> io::Result<Option<usize>> {
    let mut part = [0; 16_384];
    match from.read(&mut part) {
        Ok(0) => Ok(None),
        Ok(count) => {
            to.write_all(&part[..count])?;
            to.flush()?;
            Ok(Some(count))
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Ok(Some(0))
        }
        Err(error) => Err(error),
    }
}
