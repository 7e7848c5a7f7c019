//! What the pages of an account have in common: the list of them.

use std::sync::Arc;

use super::{Href, Shell};

/// A page of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tab {
    /// `/account`.
    Overview,
    /// `/account/security`.
    Security,
    /// `/account/activity`.
    Activity,
    /// `/account/profile`, with `/account/addresses`.
    Profile,
    /// `/account/privacy`.
    Privacy,
    /// `/account/devices`.
    Devices,
    /// `/account/keys`.
    Keys,
}

/// The pages in the order they are shown: what they are called, and where they are.
const TABS: &[(Tab, &str, &str)] = &[
    (Tab::Overview, "Overview", "/account"),
    (Tab::Profile, "Profile", "/account/profile"),
    (Tab::Security, "Sign-in methods", "/account/security"),
    (Tab::Devices, "Devices", "/account/devices"),
    (Tab::Keys, "API keys", "/account/keys"),
    (Tab::Activity, "Activity", "/account/activity"),
    (Tab::Privacy, "Your data", "/account/privacy"),
];

/// The list of pages around one of them.
#[derive(Debug, Clone)]
pub struct Frame {
    /// All pages.
    pub links: Vec<FrameLink>,
}

/// One page in the list.
#[derive(Debug, Clone)]
pub struct FrameLink {
    /// What it is called.
    pub label: &'static str,
    /// Where it is.
    pub href: Href,
    /// Whether it is the one that is shown.
    pub is_here: bool,
}

impl Frame {
    /// The list, with one page marked.
    pub fn new(shell: &Arc<Shell>, here: Tab) -> Self {
        let shown = TABS.iter().filter(|(tab, ..)| *tab != Tab::Keys || *tab == here || shell.people_have_keys);
        let links = shown.map(|(tab, label, path)| FrameLink {
            label,
            href: Href::from(format!("{}{path}", shell.base)),
            is_here: *tab == here,
        });
        Self { links: links.collect() }
    }
}
