//! Where an address is, roughly: for lists in which people recognise their own doings.

use std::net::IpAddr;
use std::path::Path;

use maxminddb::{Reader, geoip2};

/// Most bytes of the file that is read.
const MOST: u64 = 256 << 20;

/// A city database in the MMDB format; it is held in memory.
pub struct Places(Reader<Vec<u8>>);

impl Places {
    /// Reads the file.
    pub fn open(path: &Path) -> Result<Self, String> {
        let size = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
        if size > MOST {
            return Err(format!("it has {size} bytes, and at most {MOST} are read"));
        }
        Reader::open_readfile(path).map(Self).map_err(|error| error.to_string())
    }

    /// `Berlin, Germany`; `None` if the database does not know.
    pub fn name(&self, ip: IpAddr) -> Option<String> {
        let found = self.0.lookup(ip).ok()?.decode::<geoip2::City<'_>>().ok()??;
        let parts = [found.city.names.english, found.country.names.english];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

impl std::fmt::Debug for Places {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Places")
    }
}
