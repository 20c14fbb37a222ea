//! The server's side of a WebSocket's opening handshake (RFC 6455, section 4.2.2).

use std::io::{Read, Write};

use tungstenite::WebSocket;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::Role;

use crate::http::Request;

/// Agrees to become a WebSocket. `buffer` has what came after the request.
pub fn accept<S: Read + Write>(
    mut stream: S,
    request: &Request,
    buffer: Vec<u8>,
) -> tungstenite::Result<WebSocket<S>> {
    let accept = derive_accept_key(request.header("sec-websocket-key").as_bytes());
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accept}\r\n\r\n"
    )?;
    stream.flush()?;
    Ok(WebSocket::from_partially_read(stream, buffer, Role::Server, None))
}
