//! A browser without scripts: it keeps cookies, follows redirects of our own origin, fills in forms and presses buttons.

use std::collections::BTreeMap;

use url::Url;

use super::House;
use super::html::{self, Way};
use super::request::{Ask, Reply, query_of};
use crate::http::layers::Edge;

/// A browser. A clone is another browser with the same cookies: a thief's.
#[derive(Clone)]
pub struct Browser {
    edge: Edge,
    origin: String,
    pub cookies: BTreeMap<String, String>,
    typed: Vec<(String, String)>,
    ip: String,
    pub agent: String,
    /// What the last request brought.
    pub last: Reply,
    /// Where the last request went, or, if it led away from us, where it led.
    pub at: String,
}

impl Browser {
    pub fn new(house: &House) -> Self {
        Self {
            edge: house.edge.clone(),
            origin: house.app.settings.server.issuer.origin().ascii_serialization(),
            cookies: BTreeMap::new(),
            typed: Vec::new(),
            ip: "192.0.2.7".into(),
            agent: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into(),
            last: Reply::default(),
            at: String::new(),
        }
    }

    /// From now on requests go to another process.
    pub fn goes_to(&mut self, house: &House) -> &mut Self {
        self.edge = house.edge.clone();
        self
    }

    /// From now on requests come from another address.
    pub fn moves_to(&mut self, ip: &str) -> &mut Self {
        ip.clone_into(&mut self.ip);
        self
    }

    pub fn status(&self) -> u16 {
        self.last.status
    }

    pub fn body(&self) -> &str {
        &self.last.body
    }

    /// Whether the page shows this text.
    pub fn sees(&self, text: &str) -> bool {
        html::plain(&self.last.body).contains(text)
    }

    /// Whether the page has an element with this id: `#confirm`.
    pub fn has(&self, id: &str) -> bool {
        html::ids(&self.last.body).iter().any(|have| have == id.trim_start_matches('#'))
    }

    /// Goes there, and follows redirects until they lead away or end.
    pub async fn open(&mut self, path: &str) -> &mut Self {
        self.step("GET", path, None, "none").await;
        self.follow().await
    }

    /// Goes there, and stays with the first answer.
    pub async fn step_to(&mut self, path: &str) -> &mut Self {
        self.step("GET", path, None, "none").await;
        self
    }

    /// Fills in the field with this id: `#email`.
    pub fn fill_in(&mut self, id: &str, text: &str) -> &mut Self {
        self.typed.push((id.trim_start_matches('#').to_owned(), text.to_owned()));
        self
    }

    /// Presses the button, or follows the link, with this id, and follows redirects.
    pub async fn press(&mut self, id: &str) -> &mut Self {
        self.press_only(id).await;
        self.follow().await
    }

    /// Presses the button, or follows the link, with this id, and stays with the first answer.
    pub async fn press_only(&mut self, id: &str) -> &mut Self {
        let page = self.last.body.clone();
        let way = html::way(&page, id.trim_start_matches('#'));
        match way.unwrap_or_else(|| panic!("no {id} on this page ({}): {page}", self.last.status)) {
            Way::Link(to) => self.step("GET", &to, None, "same-origin").await,
            Way::Form(form) => {
                let typed = std::mem::take(&mut self.typed);
                let fields = form.fields.iter().map(|(name, id, value)| {
                    let typed = typed.iter().rev().find(|(field, _)| !id.is_empty() && field == id);
                    (name.clone(), typed.map_or_else(|| value.clone(), |(_, text)| text.clone()))
                });
                let mut fields: Vec<_> = fields.collect();
                for (name, _, value) in
                    form.choices.iter().filter(|(_, id, _)| typed.iter().any(|(field, _)| field == id))
                {
                    fields.retain(|(have, _)| have != name);
                    fields.push((name.clone(), value.clone()));
                }
                self.step(&form.method.to_uppercase(), &form.action, Some(&fields), "same-origin").await;
            }
        }
        self
    }

    /// The fields of the form with this button, as they stand on the page.
    pub fn fields(&self, id: &str) -> Vec<(String, String)> {
        match html::way(&self.last.body, id.trim_start_matches('#')) {
            Some(Way::Form(form)) => form.fields.into_iter().map(|(name, _, value)| (name, value)).collect(),
            _ => panic!("no form with {id}"),
        }
    }

    /// Posts a form of our own origin, whatever the page says; stays with the first answer.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> &mut Self {
        let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.step("POST", path, Some(&fields), "same-origin").await;
        self
    }

    /// Posts a form that stands on another site: cookies of `SameSite=Lax` stay at home.
    pub async fn post_from_elsewhere(&mut self, path: &str, fields: &[(&str, &str)]) -> &mut Self {
        let ask =
            self.ask("POST", path).header("origin", "https://evil.example").header("sec-fetch-site", "cross-site");
        self.last = ask.form(fields).await;
        self.keep_cookies();
        self
    }

    /// A request as this browser, with its cookies, that can still be changed; what it brings is not kept.
    pub fn asks(&self, method: &str, path: &str) -> Ask {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let ask = self.ask(method, path);
        if cookies.is_empty() { ask } else { ask.header("cookie", &cookies.join("; ")) }
    }

    /// The upstream sends the browser back: it takes the nonce of the request for a code.
    pub async fn come_back(&mut self) -> &mut Self {
        let path = self.way_back();
        self.open(&path).await
    }

    /// The path of the callback that the honest upstream sends the browser to.
    pub fn way_back(&self) -> String {
        let of =
            |name| query_of(&self.at, name).unwrap_or_else(|| panic!("not on the way to an upstream: {}", self.at));
        let redirect = Url::parse(&of("redirect_uri")).unwrap();
        let pairs = [("code", of("nonce")), ("state", of("state"))];
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        format!("{}?{query}", redirect.path())
    }

    /// Signs in at the upstream `sso` and ends at our account page.
    pub async fn sign_in(&mut self) -> &mut Self {
        self.open("/login").await.press("#idp-sso").await.come_back().await
    }

    /// Signs in at the upstream `sso` on the way to a service; returns where it led.
    pub async fn sign_in_to(&mut self, next: &str) -> String {
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
        self.open(&format!("/login/sso?{query}")).await.come_back().await;
        self.at.clone()
    }

    /// Signs in on the way to the wiki; returns the login token.
    pub async fn login_token(&mut self) -> String {
        let at = self.sign_in_to("https://wiki.example/").await;
        query_of(&at, "jwt").unwrap_or_else(|| panic!("no token: {at} {} {}", self.last.status, self.last.body))
    }

    /// The session cookie, if there is one.
    pub fn session_cookie(&self) -> Option<&str> {
        self.cookies.iter().find(|(name, _)| name.as_str() == "__Host-countersign").map(|(_, value)| value.as_str())
    }

    async fn follow(&mut self) -> &mut Self {
        for _ in 0..10 {
            let to = self.last.location().to_owned();
            if !(300..400).contains(&self.last.status) || to.is_empty() {
                return self;
            }
            if !(to.starts_with('/') || to.starts_with(&format!("{}/", self.origin))) {
                self.at = to;
                return self;
            }
            self.step("GET", &to, None, "same-origin").await;
        }
        panic!("redirected in circles: {}", self.at);
    }

    fn ask(&self, method: &str, path: &str) -> Ask {
        let path = path.strip_prefix(&self.origin).unwrap_or(path);
        let host = self.origin.split_once("://").unwrap().1;
        Ask::through(self.edge.clone(), host, method, path)
            .from(&self.ip)
            .header("accept", "text/html,application/xhtml+xml")
            .header("user-agent", &self.agent)
    }

    async fn step(&mut self, method: &str, path: &str, fields: Option<&[(String, String)]>, site: &str) {
        let mut ask = self.asks(method, path).header("sec-fetch-site", site);
        if let Some(fields) = fields {
            let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            ask = ask.header("origin", &self.origin).form(&fields);
        }
        self.last = ask.await;
        path.clone_into(&mut self.at);
        self.keep_cookies();
    }

    fn keep_cookies(&mut self) {
        for line in self.last.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').unwrap();
            let attributes = attributes.to_lowercase();
            if attributes.contains("max-age=0") || value.is_empty() {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}
