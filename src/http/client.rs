//! Who is on the other end: the rightmost address that no trusted proxy owns.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use super::error::Error;
use crate::config::settings::ClientIpHeader;

/// The client's address, in the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientIp(pub IpAddr);

/// The address of the connection's other end, in the request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

impl<S: Sync> FromRequestParts<S> for ClientIp {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        parts.extensions.get().copied().ok_or_else(|| Error::internal("the request did not pass the edge"))
    }
}

/// The plain address: an IPv4 address in an IPv6 coat is unwrapped, a scope is dropped.
pub fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// What limits count by: an IPv4 address, or the /64 of an IPv6 address, since one household has all of it.
pub fn bucket(address: IpAddr) -> IpAddr {
    match plain(address) {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Whether the address is a proxy of ours.
pub fn is_trusted(address: IpAddr, proxies: &[IpNet]) -> bool {
    let address = plain(address);
    proxies.iter().any(|net| net.contains(&address))
}

/// The nearest address that is not a trusted proxy; what an untrusted peer writes into headers is never read.
pub fn address(peer: IpAddr, headers: &HeaderMap, from: ClientIpHeader, proxies: &[IpNet]) -> IpAddr {
    let peer = plain(peer);
    if proxies.is_empty() || !is_trusted(peer, proxies) {
        return peer;
    }
    match from {
        ClientIpHeader::None => peer,
        ClientIpHeader::XForwardedFor => nearest(peer, hops(headers, "x-forwarded-for", hop), proxies),
        ClientIpHeader::Forwarded => nearest(peer, hops(headers, "forwarded", forwarded_for), proxies),
        ClientIpHeader::XRealIp => only(headers, "x-real-ip").unwrap_or(peer),
        ClientIpHeader::CfConnectingIp => only(headers, "cf-connecting-ip").unwrap_or(peer),
    }
}

/// Walks from our end; a hop that is no address ends the walk at the last one known.
fn nearest(peer: IpAddr, hops: Vec<Option<IpAddr>>, proxies: &[IpNet]) -> IpAddr {
    let mut last = peer;
    for hop in hops.into_iter().rev() {
        let Some(hop) = hop else { return last };
        last = hop;
        if !is_trusted(hop, proxies) {
            return hop;
        }
    }
    last
}

/// The addresses of a list header, all its lines together, the nearest last.
fn hops(headers: &HeaderMap, name: &'static str, read: fn(&str) -> Option<IpAddr>) -> Vec<Option<IpAddr>> {
    let lines = headers.get_all(HeaderName::from_static(name));
    let parts = lines.iter().flat_map(|line| line.to_str().unwrap_or("?").split(','));
    parts.map(|part| read(part.trim())).collect()
}

/// The one address of a header that may stand only once.
fn only(headers: &HeaderMap, name: &'static str) -> Option<IpAddr> {
    let mut all = headers.get_all(HeaderName::from_static(name)).iter();
    let (first, second) = (all.next()?, all.next());
    if second.is_some() { None } else { hop(first.to_str().ok()?.trim()) }
}

/// `192.0.2.1`, `192.0.2.1:443`, `2001:db8::1` or `[2001:db8::1]:443`.
fn hop(text: &str) -> Option<IpAddr> {
    let address = text.parse().ok();
    let address = address.or_else(|| text.strip_prefix('[')?.strip_suffix(']')?.parse().ok());
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(plain)
}

/// The `for` of one element of `Forwarded` (RFC 7239 §4).
fn forwarded_for(element: &str) -> Option<IpAddr> {
    let mut found = element.split(';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim().trim_matches('"'))
    });
    let (first, second) = (found.next()?, found.next());
    if second.is_some() { None } else { hop(first) }
}
