//! Making an account: the form, the letter, the link; and the same with an invitation.

use std::sync::Arc;

use askama::Template;

use super::{Field, Hidden, Href, Methods, Moment, Page, ServiceLink, Shell};

/// `/signup`: providers, and the form.
#[derive(Debug, Clone, Template)]
#[template(path = "signup.html")]
pub struct SignUpPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The service somebody is on the way to.
    pub service: Option<ServiceLink>,
    /// The providers.
    pub methods: Methods,
    /// Address and password; `None` where only providers make accounts.
    pub form: Option<SignUpForm>,
    /// For those who have an account.
    pub login: Href,
}

/// Address, name, password, terms. Fields `email`, `name`, `password`, `terms`.
#[derive(Debug, Clone)]
pub struct SignUpForm {
    /// Where it is sent.
    pub action: Href,
    /// `csrf`, `next` and the like.
    pub hidden: Vec<Hidden>,
    /// The address.
    pub email: Field,
    /// The name.
    pub name: Field,
    /// The password; `None` where passwords are off.
    pub password: Option<Field>,
    /// Whether mailed links are enough.
    pub is_password_optional: bool,
    /// Shortest password, in characters.
    pub min_length: usize,
    /// The terms to accept, and what was wrong.
    pub terms: Option<(Href, Option<String>)>,
    /// What the button says.
    pub submit: &'static str,
}

impl SignUpForm {
    /// Field ids and sentences, in the order of the page.
    pub fn wrong(&self) -> Vec<(&'static str, &str)> {
        let password = self.password.as_ref().and_then(|field| field.error.as_deref());
        let terms = self.terms.as_ref().and_then(|(_, error)| error.as_deref());
        let all = [
            ("email", self.email.error.as_deref()),
            ("name", self.name.error.as_deref()),
            ("password", password),
            ("terms", terms),
        ];
        all.into_iter().filter_map(|(field, error)| Some((field, error?))).collect()
    }
}

/// What was wrong, by field; all `None` at first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignUpErrors {
    /// The address.
    pub email: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// The password.
    pub password: Option<String>,
    /// The terms.
    pub terms: Option<String>,
}

impl SignUpErrors {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// `/signup/check-mail`: the letter is on its way.
#[derive(Debug, Clone, Template)]
#[template(path = "signup_sent.html")]
pub struct SignUpSentPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The service somebody is on the way to.
    pub service: Option<ServiceLink>,
    /// Where the letter went.
    pub address: String,
    /// Back to the form.
    pub start_again: Href,
}

/// `/signup/confirm`: the page behind the link. Field `password` where it is asked for.
#[derive(Debug, Clone, Template)]
#[template(path = "signup_confirm.html")]
pub struct SignUpConfirmPage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The service somebody is on the way to.
    pub service: Option<ServiceLink>,
    /// The address that is proven with this.
    pub address: String,
    /// The browser that asked.
    pub asked_on: String,
    /// The password that was chosen, where another browser opens the link.
    pub password: Option<Field>,
    /// Where the form is sent.
    pub action: Href,
    /// `csrf` and the token of the link.
    pub hidden: Vec<Hidden>,
    /// When the link dies.
    pub valid_until: Moment,
}

/// `/invite/…`: somebody is asked to make an account.
#[derive(Debug, Clone, Template)]
#[template(path = "invite.html")]
pub struct InvitePage {
    /// What all pages share.
    pub shell: Arc<Shell>,
    /// The service they are invited to.
    pub service: Option<ServiceLink>,
    /// The address that is invited.
    pub address: String,
    /// The providers.
    pub methods: Methods,
    /// Name, password, terms.
    pub form: Option<SignUpForm>,
    /// When the link dies.
    pub valid_until: Moment,
}

impl SignUpPage {
    /// Whether the form is shown again because of a mistake.
    pub fn has_error(&self) -> bool {
        self.form.as_ref().is_some_and(|form| !form.wrong().is_empty())
    }
}

impl Page for SignUpPage {}
impl Page for SignUpSentPage {}
impl Page for SignUpConfirmPage {}
impl Page for InvitePage {}
