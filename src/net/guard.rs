//! Which addresses may be reached, judged by the address that is really connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// How far a caller may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// The public internet, nothing else.
    Public,
    /// The public internet, loopback and private networks.
    Everywhere,
    /// Loopback and private networks only: where plain `http` may go.
    Private,
}

/// What an address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Public,
    /// Loopback, private use (RFC 1918, RFC 4193) and shared space (RFC 6598).
    Private,
    /// Everything else that the special-purpose registries name: nobody signs in there.
    Special,
}

/// No address of the host may be reached.
#[derive(Debug, thiserror::Error)]
#[error("no address of {0} may be reached")]
pub struct Barred(pub String);

impl Reach {
    /// Whether this caller may connect to `address`.
    pub fn permits(self, address: IpAddr) -> bool {
        match place(address) {
            Place::Public => self != Self::Private,
            Place::Private => self != Self::Public,
            Place::Special => false,
        }
    }
}

fn place(address: IpAddr) -> Place {
    match address {
        IpAddr::V4(address) => place_v4(address),
        IpAddr::V6(address) => embedded(address).map_or_else(|| place_v6(address), place_v4),
    }
}

/// The IPv4 address that an IPv6 address stands for: mapped, compatible, NAT64 and 6to4. (Teredo is special as a whole.)
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    let tail = join(segments[6], segments[7]);
    match segments {
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => Some(tail),
        [0, 0, 0, 0, 0, 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(tail),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

/// The IANA IPv4 special-purpose address registry (RFC 6890).
fn place_v4(address: Ipv4Addr) -> Place {
    match address.octets() {
        [127 | 10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Place::Private,
        [0 | 224..=255, ..]
        | [169, 254, ..]
        | [192, 0, 0 | 2, _]
        | [192, 31, 196, _]
        | [192, 52, 193, _]
        | [192, 88, 99, _]
        | [192, 175, 48, _]
        | [198, 18 | 19, ..]
        | [198, 51, 100, _]
        | [203, 0, 113, _] => Place::Special,
        _ => Place::Public,
    }
}

/// Only global unicast (`2000::/3`) is public; what the IPv6 registry cuts out of it is not.
fn place_v6(address: Ipv6Addr) -> Place {
    if address.is_loopback() {
        return Place::Private;
    }
    match address.segments() {
        [0xfc00..=0xfdff, ..] => Place::Private,
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] | [0x2620, 0x4f, 0x8000, ..] => Place::Special,
        [0x2000..=0x3fff, ..] => Place::Public,
        _ => Place::Special,
    }
}

/// Resolves names and keeps only what may be reached, so that what is judged is what is connected to.
pub struct Guard(pub Reach);

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let kept: Vec<_> = found.into_iter().filter(|address| reach.permits(address.ip())).collect();
            if kept.is_empty() {
                return Err(Barred(name.as_str().to_owned()).into());
            }
            Ok(Box::new(kept.into_iter()) as Addrs)
        })
    }
}

impl Guard {
    /// As a resolver for reqwest.
    pub fn shared(reach: Reach) -> Arc<Self> {
        Arc::new(Self(reach))
    }
}
