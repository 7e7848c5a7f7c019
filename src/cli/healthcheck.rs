//! `healthcheck`: whether the running server is ready, for containers that hold nothing but this program.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use axum::http::header::HOST;
use axum::http::{HeaderValue, Request, Uri};
use clap::Args;

use super::desk::plain;
use super::{Desk, Failure};
use crate::config::settings::Server;
use crate::net::{Limits, NetError};

/// How long the server may take.
const DEADLINE: Duration = Duration::from_secs(5);

/// What is asked.
#[derive(Args)]
pub struct Options {
    /// Asks this address instead of the first listener of the file.
    #[arg(long)]
    url: Option<Uri>,
}

/// Runs the command.
pub async fn run(options: Options, desk: &mut Desk) -> Result<(), Failure> {
    let mut request = Request::new(Vec::new());
    if let Some(url) = options.url {
        *request.uri_mut() = url;
    } else {
        let server = desk.load()?.settings.server;
        *request.uri_mut() = ready(&server)?;
        // The listener answers for its public names only.
        if let Some(host) = server.allowed_hosts.first() {
            request.headers_mut().insert(HOST, HeaderValue::from_str(host)?);
        }
    }
    let limits = Limits { deadline: Some(DEADLINE), allow_private: true, ..Limits::default() };
    let asked = request.uri().to_string();
    let answer = match desk.world.net.send(request, &limits).await {
        Ok(answer) => answer,
        Err(error @ NetError::Unreachable { .. }) => {
            return Err(Failure::new(format!("{asked}: {}", Failure::from(error).message)));
        }
        Err(error) => return Err(error.into()),
    };
    if answer.status().is_success() {
        return desk.say("ready");
    }
    let said = plain(String::from_utf8_lossy(answer.body()).trim());
    Err(Failure::new(format!("{asked} answers {}: {said}", answer.status().as_u16())))
}

/// Where the first listener can be reached from this machine.
fn ready(server: &Server) -> Result<Uri, Failure> {
    let first = server.listen.first().ok_or_else(|| Failure::usage("`server.listen` is empty"))?;
    let ip = match first.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let base = server.issuer.path().trim_end_matches('/');
    Ok(format!("http://{}{base}/health/ready", SocketAddr::new(ip, first.port())).parse()?)
}
