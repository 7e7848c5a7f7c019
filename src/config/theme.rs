//! How the pages look.

use std::path::Path;
use std::sync::Arc;

use url::Url;

use super::load::Loader;
use super::raw;
use super::settings::Theme;

/// Largest logo, in bytes.
const LARGEST: usize = 256 * 1024;

/// The section `[theme]`, with its logo read.
pub fn theme(loader: &mut Loader, issuer: &Url) -> Theme {
    let (raw, section) = loader.read::<raw::Theme>("theme");
    let accent = colour(&raw.accent).unwrap_or_else(|| {
        let message = format!("`{}` is not a colour: write it as `#2563eb`", raw.accent);
        loader.wrong(section.mistake_at("accent", "CS-C080", message));
        [0x25, 0x63, 0xeb]
    });
    let logo = raw.logo.and_then(|path| match logo(&section.path_of(&path)) {
        Ok(logo) => Some(logo),
        Err(message) => {
            loader.wrong(section.mistake_at("logo", "CS-C081", message));
            None
        }
    });
    let [red, green, blue] = readable(accent);
    Theme {
        name: raw.name.unwrap_or_else(|| issuer.host_str().unwrap_or_default().to_owned()),
        logo,
        accent: format!("#{red:02x}{green:02x}{blue:02x}"),
        mode: raw.mode,
    }
}

fn colour(text: &str) -> Option<[u8; 3]> {
    let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let part = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
    let hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    hex.then_some(())?;
    Some([part(0)?, part(2)?, part(4)?])
}

/// The colour, made darker until white text on it has a contrast of 4.5 (WCAG 2.2, 1.4.3).
fn readable(mut colour: [u8; 3]) -> [u8; 3] {
    while 1.05 / (luminance(colour) + 0.05) < 4.5 {
        colour = colour.map(|part| part.saturating_sub(part / 20 + 1));
    }
    colour
}

/// Relative luminance (WCAG 2.2).
fn luminance(colour: [u8; 3]) -> f64 {
    let [red, green, blue] = colour.map(|part| {
        let part = f64::from(part) / 255.0;
        if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

/// Content type and bytes.
fn logo(path: &Path) -> Result<(String, Arc<[u8]>), String> {
    let shown = path.display();
    let bytes = std::fs::read(path).map_err(|error| format!("the logo `{shown}` cannot be read: {error}"))?;
    if bytes.len() > LARGEST {
        return Err(format!("the logo `{shown}` is larger than 256 KiB"));
    }
    let kind = match path.extension().and_then(|extension| extension.to_str()) {
        Some("svg") if std::str::from_utf8(&bytes).is_ok_and(|text| text.contains("<svg")) => "image/svg+xml",
        Some("png") if bytes.starts_with(b"\x89PNG\r\n\x1a\n") => "image/png",
        _ => return Err(format!("the logo `{shown}` is neither an .svg nor a .png")),
    };
    Ok((kind.to_owned(), bytes.into()))
}
