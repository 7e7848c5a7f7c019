//! From one accent to the colours of both themes, each with enough contrast (WCAG 2.2 §1.4.3, §1.4.11).

/// Text needs this much.
const TEXT: f64 = 4.5;

/// The darkest background that accent-coloured text stands on in the light theme, and the lightest in the dark one.
const LIGHT_GROUND: Colour = Colour([0xf4, 0xf5, 0xf7]);
const DARK_GROUND: Colour = Colour([0x22, 0x26, 0x2e]);

const WHITE: Colour = Colour([0xff; 3]);
const INK: Colour = Colour([0x10, 0x13, 0x18]);

/// What the file's accent is where it cannot be read.
const FALLBACK: Colour = Colour([0x3b, 0x4f, 0xd8]);

/// A colour in sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour([u8; 3]);

/// The accent as both themes use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Palette {
    /// On light grounds.
    pub light: Shades,
    /// On dark grounds.
    pub dark: Shades,
}

/// The accent on one ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shades {
    /// The filled button.
    pub fill: Colour,
    /// The filled button under the pointer.
    pub fill_hover: Colour,
    /// Text on both.
    pub on_fill: Colour,
    /// Links, and the ring around what has the focus.
    pub link: Colour,
}

impl Palette {
    /// The colours for an accent written `#rrggbb`.
    pub fn of(accent: &str) -> Self {
        let accent = Colour::parse(accent).unwrap_or(FALLBACK);
        Self { light: Shades::on(accent, LIGHT_GROUND, INK), dark: Shades::on(accent, DARK_GROUND, WHITE) }
    }

    /// As custom properties of the root.
    pub fn stylesheet(&self) -> String {
        let pair = |name, shade: fn(&Shades) -> Colour| {
            format!("--{name}:light-dark({},{});", shade(&self.light).hex(), shade(&self.dark).hex())
        };
        format!(
            ":root{{{}{}{}{}}}\n",
            pair("fill", |s| s.fill),
            pair("fill-hover", |s| s.fill_hover),
            pair("on-fill", |s| s.on_fill),
            pair("link", |s| s.link)
        )
    }
}

impl Shades {
    fn on(accent: Colour, ground: Colour, away: Colour) -> Self {
        let link = accent.until(away, |shade| shade.contrast(ground) >= TEXT);
        // A button must stand out from its ground by 3:1 (§1.4.11).
        let fill = accent.until(away, |shade| shade.contrast(ground) >= 3.0);
        let on_fill = if fill.contrast(WHITE) >= TEXT { WHITE } else { INK };
        let fill = fill.until(if on_fill == WHITE { INK } else { WHITE }, |shade| shade.contrast(on_fill) >= TEXT);
        let fill_hover = fill.mixed(if on_fill == WHITE { INK } else { WHITE }, 3);
        Self { fill, fill_hover, on_fill, link }
    }
}

impl Colour {
    /// `None` unless it is written `#rrggbb`.
    pub fn parse(hex: &str) -> Option<Self> {
        let digits = hex
            .strip_prefix('#')
            .filter(|digits| digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).ok();
        Some(Self([byte(0)?, byte(2)?, byte(4)?]))
    }

    /// `#rrggbb`.
    pub fn hex(self) -> String {
        let [r, g, b] = self.0;
        format!("#{r:02x}{g:02x}{b:02x}")
    }

    /// From 1 to 21 (WCAG 2.2, "contrast ratio").
    pub fn contrast(self, other: Self) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    fn luminance(self) -> f64 {
        let [r, g, b] = self.0.map(|byte| {
            let part = f64::from(byte) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * r + 0.7152 * g + 0.0722 * b
    }

    /// `twentieths` of the way to another colour.
    fn mixed(self, other: Self, twentieths: u16) -> Self {
        let mut mixed = self.0;
        for (own, other) in mixed.iter_mut().zip(other.0) {
            let sum = u16::from(*own) * (20 - twentieths) + u16::from(other) * twentieths;
            *own = u8::try_from(sum / 20).expect("a mean of two bytes is a byte");
        }
        Self(mixed)
    }

    /// The nearest colour on the way to `away` that will do; `away` itself if none does before.
    fn until(self, away: Self, will_do: impl Fn(Self) -> bool) -> Self {
        (0..=20).map(|twentieths| self.mixed(away, twentieths)).find(|shade| will_do(*shade)).unwrap_or(away)
    }
}
