//! One deed on one item, and one value of a limit: what no list of names answers.

use std::time::Duration;

use super::{Chain, ChainError, Link, Question, Run};
use crate::domain::access::{Access, Said, Wish, by_name, denying};
use crate::domain::permission::{Decision, Merge, Merged, Pattern, Verdict};
use crate::permission::hearing::late;
use crate::permission::{Ask, OnError};

/// What the providers of a service say about a value.
#[derive(Debug, Clone, PartialEq)]
pub struct Within {
    /// Whether the value is within the limit.
    pub said: Access,
    /// The most that is allowed, where it is a number.
    pub limit: Option<f64>,
}

impl Chain {
    /// What the service's providers say about each wish, in the order of the wishes.
    ///
    /// Each provider is asked once. Those that know items speak for themselves; what the others grant by name is merged as in
    /// [`Self::decide`] and speaks with one voice, where the first of them stands. The voices come together as the service's `merge`
    /// says: any yes, the first voice, or all of them. A no wins over every yes, and so does a pattern by which a provider denies a
    /// permission that would open the wish.
    ///
    /// # Errors
    /// As [`Self::decide`].
    pub async fn access(&self, question: &Question<'_>, wishes: &[Wish]) -> Result<Vec<Access>, ChainError> {
        let who = question.who.subject();
        let (mut run, mut heard) = (Run::new(question), Heard::new(question.service.merge));
        for link in self.counting(question.service) {
            let link = link?;
            let ask = run.ask();
            let Some(answer) = self.heard(link, &ask, run.until).await? else { continue };
            if answer.decision.verdict == Verdict::Allow {
                let Some(said) = said_by(link, &ask, wishes, run.left()).await? else { continue };
                heard.add(&who, said, wishes, &answer.decision);
            }
            run.add(link, answer)?;
        }
        Ok(wishes.iter().enumerate().map(|(nth, wish)| heard.about(nth, &who, wish)).collect())
    }

    /// Whether a value is within the limit `name`. As limits are merged, the first provider that speaks about it decides; with
    /// `merge = "first"` it is the first that does not abstain, whether it speaks or not.
    ///
    /// # Errors
    /// As [`Self::decide`].
    pub async fn within(&self, question: &Question<'_>, name: &str, value: f64) -> Result<Within, ChainError> {
        let (mut said, mut is_first) = (None, true);
        // A provider that knows no such limit may say that nothing hinders them: that counts where nobody knows it.
        let mut unhindered = None;
        let mut run = Run::new(question);
        for link in self.counting(question.service) {
            let link = link?;
            let ask = run.ask();
            let Some(answer) = self.heard(link, &ask, run.until).await? else { continue };
            if answer.decision.verdict == Verdict::Allow {
                let counts = std::mem::take(&mut is_first) || question.service.merge != Merge::First;
                if said.is_none() && counts {
                    let says = of_provider(link, &ask, &answer.decision, name, value);
                    let is_no = says.as_ref().is_none_or(|says| !says.is_allowed());
                    if is_no || answer.decision.limits.contains_key(name) {
                        said = says;
                    } else if unhindered.is_none() {
                        unhindered = says;
                    }
                }
            }
            run.add(link, answer)?;
        }
        let limit = run.into_granted().limits.get(name).and_then(serde_json::Value::as_f64);
        Ok(Within { said: said.or(unhindered).unwrap_or_else(Access::silent), limit })
    }
}

/// What the provider says about each wish, or what its failure means: as if it abstained (`None`), or no answer. No item's answer is
/// kept, so there is none from before.
async fn said_by(
    link: &Link,
    ask: &Ask<'_>,
    wishes: &[Wish],
    left: Duration,
) -> Result<Option<Vec<Option<Access>>>, ChainError> {
    let policy = link.provider.policy();
    let said = tokio::time::timeout(policy.timeout.min(left), link.provider.access_all(ask, wishes)).await;
    match said.unwrap_or_else(|_| Err(late())) {
        Ok(said) => Ok(Some(said)),
        Err(error) if policy.on_error == OnError::Skip => {
            tracing::warn!(permission.provider = %link.id, %error, "a permission provider is skipped");
            Ok(None)
        }
        Err(source) => Err(ChainError::Unavailable { provider: link.id.clone(), source }),
    }
}

fn of_provider(link: &Link, ask: &Ask<'_>, decision: &Decision, name: &str, value: f64) -> Option<Access> {
    let knows = link.provider.within(ask, name, value).filter(|said| said.said != Said::Silent);
    knows.or_else(|| {
        let most = decision.limits.get(name)?.as_f64()?;
        let said = if value <= most { Said::Allowed } else { Said::Denied };
        Some(Access { said, by: link.id.clone() })
    })
}

/// What the providers of a chain say about some wishes.
struct Heard {
    merge: Merge,
    /// How many that know items stand before the first that knows names only, and what those who know names grant.
    maps: Option<(usize, Merged)>,
    /// What each that knows items says about each wish.
    items: Vec<Vec<Access>>,
    denied: Vec<Pattern>,
}

impl Heard {
    fn new(merge: Merge) -> Self {
        Self { merge, maps: None, items: Vec::new(), denied: Vec::new() }
    }

    fn add(&mut self, who: &str, said: Vec<Option<Access>>, wishes: &[Wish], decision: &Decision) {
        self.denied.extend(decision.denied.iter().cloned());
        if said.iter().all(Option::is_none) {
            self.maps.get_or_insert_with(|| (self.items.len(), Merged::new(self.merge))).1.add(decision.clone());
        } else {
            let by_map = |wish| by_name(&decision.permissions, who, wish);
            let said = said.into_iter().zip(wishes);
            self.items.push(said.map(|(said, wish)| said.unwrap_or_else(|| by_map(wish))).collect());
        }
    }

    fn about(&self, nth: usize, who: &str, wish: &Wish) -> Access {
        if let Some(pattern) = denying(&self.denied, who, wish) {
            return Access::denied(pattern.as_str());
        }
        let mut voices: Vec<_> = self.items.iter().map(|said| said[nth].clone()).collect();
        if let Some((place, maps)) = &self.maps {
            voices.insert(*place, by_name(maps.permissions(), who, wish));
        }
        together(voices, self.merge)
    }
}

/// Several voices as one.
fn together(voices: Vec<Access>, merge: Merge) -> Access {
    if let Some(no) = voices.iter().find(|voice| voice.said == Said::Denied) {
        return no.clone();
    }
    let is_all = voices.iter().all(Access::is_allowed);
    let mut voices = voices.into_iter();
    let spoken = match merge {
        Merge::Union => voices.find(Access::is_allowed),
        Merge::First => voices.next(),
        Merge::Intersect => voices.next().filter(|_| is_all),
    };
    spoken.unwrap_or_else(Access::silent)
}
