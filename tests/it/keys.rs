//! Keys: what is sealed, what is signed, what is believed, and when they change.

mod claims;
mod file;
mod login;
mod ring;
mod sealed;
mod stored;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::keys::Master;

fn master() -> Master {
    Master::new(&Master::generate(), &[]).unwrap()
}

fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn unb64(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
