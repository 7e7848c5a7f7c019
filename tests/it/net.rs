//! The only way out, against servers on loopback and addresses that must never be reached.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Redirect;
use axum::routing::get;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::net::{HttpAnswer, HttpRequest, Limits, Net, NetError};

async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn request(url: &str) -> HttpRequest {
    axum::http::Request::get(url).body(Vec::new()).unwrap()
}

fn private() -> Limits {
    Limits { allow_private: true, ..Limits::default() }
}

async fn fetch(url: &str, limits: &Limits) -> Result<HttpAnswer, NetError> {
    Net::real().send(request(url), limits).await
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let seen = Arc::new(AtomicUsize::new(0));
    let canary = seen.clone();
    let router = Router::new().route("/go", get(|| async { Redirect::temporary("/canary") })).route(
        "/canary",
        get(move || async move {
            canary.fetch_add(1, Ordering::SeqCst);
        }),
    );
    let address = serve(router).await;

    let answer = fetch(&format!("http://{address}/go"), &private()).await.unwrap();

    assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(seen.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_body_is_read_up_to_the_cap_and_not_a_byte_further() {
    let address = serve(Router::new().route("/", get(|| async { "x".repeat(1000) }))).await;
    let url = format!("http://{address}/");

    let fits = fetch(&url, &Limits { body: Some(1000), ..private() }).await.unwrap();
    let long = fetch(&url, &Limits { body: Some(999), ..private() }).await;

    assert_eq!(fits.body().len(), 1000);
    assert!(matches!(long, Err(NetError::TooLarge(_))));
}

#[tokio::test]
async fn a_body_without_a_length_is_cut_at_the_cap() {
    let address = answer_raw(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;

    let answer = fetch(&format!("http://{address}/"), &private()).await;

    assert!(matches!(answer, Err(NetError::TooLarge(_))));
}

#[tokio::test]
async fn the_default_cap_is_one_mebibyte() {
    let length = 1024 * 1024;
    let router = Router::new()
        .route("/fits", get(move || async move { "x".repeat(length) }))
        .route("/long", get(move || async move { "x".repeat(length + 1) }));
    let address = serve(router).await;

    assert!(fetch(&format!("http://{address}/fits"), &private()).await.is_ok());
    assert!(matches!(fetch(&format!("http://{address}/long"), &private()).await, Err(NetError::TooLarge(_))));
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_late() {
    let address = serve(Router::new().route("/", get(std::future::pending::<()>))).await;
    let limits = Limits { deadline: Some(Duration::from_millis(50)), ..private() };

    let answer = fetch(&format!("http://{address}/"), &limits).await;

    assert!(matches!(answer, Err(NetError::Late(_))));
}

#[tokio::test]
async fn an_answer_that_drips_is_late_too() {
    let address = answer_raw(|mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nx").await;
        std::future::pending::<()>().await;
    })
    .await;
    let limits = Limits { deadline: Some(Duration::from_millis(100)), ..private() };

    let answer = fetch(&format!("http://{address}/"), &limits).await;

    assert!(matches!(answer, Err(NetError::Late(_))));
}

#[tokio::test]
async fn too_many_headers_are_no_answer() {
    let many = |count: usize| {
        let headers: HeaderMap = (0..count)
            .map(|at| (HeaderName::try_from(format!("x-{at}")).unwrap(), HeaderValue::from_static("y")))
            .collect();
        Router::new().route("/", get(move || async move { headers }))
    };
    let (few, lots) = (serve(many(50)).await, serve(many(120)).await);

    assert!(fetch(&format!("http://{few}/"), &private()).await.is_ok());
    assert!(fetch(&format!("http://{lots}/"), &private()).await.is_err());
}

#[tokio::test]
async fn long_headers_are_no_answer() {
    let router = Router::new().route("/", get(|| async { [("x-long", "y".repeat(70_000))] }));
    let address = serve(router).await;

    let answer = fetch(&format!("http://{address}/"), &private()).await;

    assert!(answer.is_err());
}

#[tokio::test]
async fn compressed_bytes_stay_as_they_came() {
    let bomb: &[u8] = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255, 75, 4, 0, 67, 190, 183, 232, 1, 0, 0, 0];
    let router = Router::new().route("/", get(move || async move { ([("content-encoding", "gzip")], bomb) }));
    let address = serve(router).await;

    let answer = fetch(&format!("http://{address}/"), &private()).await.unwrap();

    assert_eq!(answer.body(), bomb);
}

#[tokio::test]
async fn loopback_and_its_disguises_are_forbidden() {
    let hosts = [
        "127.0.0.1",
        "127.255.0.9",
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "0x7f.1",
        "2130706433",
        "localhost",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:0:0:0:0:80ff:fffe]",
        "[2001:db8::1]",
        "[100::1]",
        "[fc00::1]",
        "[fd12:3456::1]",
        "[fe80::1]",
        "[fec0::1]",
        "[ff02::1]",
        "[3fff::1]",
        "[5f00::1]",
    ];
    for host in hosts {
        let answer = fetch(&format!("https://{host}/"), &Limits::default()).await;

        assert!(matches!(answer, Err(NetError::Forbidden(_))), "{host}: {answer:?}");
    }
}

#[tokio::test]
async fn who_may_reach_private_addresses_still_reaches_no_special_ones() {
    for host in ["169.254.169.254", "0.0.0.0", "224.0.0.1", "[fe80::1]", "[::]", "[::ffff:169.254.169.254]"] {
        for scheme in ["http", "https"] {
            let answer = fetch(&format!("{scheme}://{host}/"), &private()).await;

            assert!(matches!(answer, Err(NetError::Forbidden(_))), "{scheme} {host}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn plain_http_never_goes_to_the_public_internet() {
    for limits in [Limits::default(), private()] {
        for url in ["http://8.8.8.8/", "http://[2606:4700::1111]/"] {
            assert!(matches!(fetch(url, &limits).await, Err(NetError::Forbidden(_))), "{url}");
        }
    }
    assert!(matches!(fetch("http://127.0.0.1:1/", &Limits::default()).await, Err(NetError::Forbidden(_))));
    assert!(matches!(fetch("http://127.0.0.1:1/", &private()).await, Err(NetError::Unreachable { .. })));
    assert!(matches!(fetch("ftp://127.0.0.1/", &private()).await, Err(NetError::Forbidden(_))));
}

#[tokio::test]
async fn a_private_authority_is_trusted_only_by_who_named_it() {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".into()]).unwrap();
    let (certificate, key) = (made.cert.der().clone(), made.signing_key.serialize_der());
    let config = tokio_rustls::rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.try_into().unwrap())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    let _ = stream.read(&mut [0; 1024]).await;
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi").await;
                    let _ = stream.shutdown().await;
                }
            });
        }
    });
    let url = format!("https://localhost:{port}/");
    let net = Net::real();
    let trusting = Limits { extra_ca: Some(made.cert.pem().into_bytes().into()), ..private() };

    let trusted = net.send(request(&url), &trusting).await;
    let strange = net.send(request(&url), &private()).await;
    let elsewhere = net.send(request(&format!("https://127.0.0.1:{port}/")), &trusting).await;

    assert_eq!(trusted.unwrap().body(), b"hi");
    assert!(matches!(strange, Err(NetError::Unreachable { .. })));
    assert!(matches!(elsewhere, Err(NetError::Unreachable { .. })), "a certificate is for its name");
}

#[tokio::test]
async fn a_slow_host_keeps_nobody_else_waiting() {
    let (slow, quick) =
        (serve(Router::new().route("/", get(std::future::pending::<()>))).await, serve(quick_router()).await);
    let net = Net::real();
    for _ in 0..100 {
        let (net, url) = (net.clone(), format!("http://{slow}/"));
        tokio::spawn(async move { net.send(request(&url), &private()).await });
    }
    tokio::task::yield_now().await;

    let answer = net.send(request(&format!("http://{quick}/")), &private()).await.unwrap();

    assert_eq!(answer.body(), b"quick");
}

fn quick_router() -> Router {
    Router::new().route("/", get(|| async { "quick" }))
}

async fn answer_raw<F: Future<Output = ()> + Send>(
    speak: impl Fn(tokio::net::TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 1024]).await;
            speak(stream).await;
        }
    });
    address
}
