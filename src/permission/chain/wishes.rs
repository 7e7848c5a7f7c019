//! One deed on one item, and one value of a limit: what no list of names answers.

use super::{Chain, ChainError, Granted, Link, Question, Run};
use crate::domain::access::{Access, Said, Wish, by_name, denying};
use crate::domain::permission::{Decision, Merge, Merged, Pattern, Verdict};
use crate::permission::Ask;

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
        let mut heard = Heard::new(question.service.merge);
        self.walk(question, |link, ask, decision| {
            heard.denied.extend(decision.denied.iter().cloned());
            let said: Vec<_> = wishes.iter().map(|wish| link.provider.access(ask, wish)).collect();
            if said.iter().all(Option::is_none) {
                heard.maps.get_or_insert_with(|| (heard.items.len(), Merged::new(heard.merge))).1.add(decision.clone());
            } else {
                let said = said.into_iter().zip(wishes);
                let by_map = |wish| by_name(&decision.permissions, &who, wish);
                heard.items.push(said.map(|(said, wish)| said.unwrap_or_else(|| by_map(wish))).collect());
            }
        })
        .await?;
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
        let granted = self
            .walk(question, |link, ask, decision| {
                let counts = std::mem::take(&mut is_first) || question.service.merge != Merge::First;
                if said.is_none() && counts {
                    let says = of_provider(link, ask, decision, name, value);
                    let knows =
                        decision.limits.contains_key(name) || says.as_ref().is_none_or(|says| !says.is_allowed());
                    if knows {
                        said = says;
                    } else if unhindered.is_none() {
                        unhindered = says;
                    }
                }
            })
            .await?;
        let limit = granted.limits.get(name).and_then(serde_json::Value::as_f64);
        Ok(Within { said: said.or(unhindered).unwrap_or_else(Access::silent), limit })
    }

    /// Runs the service's providers as [`Self::decide`] does, and shows each allow with what was asked. Providers that only run
    /// beside the others have no voice.
    async fn walk(
        &self,
        question: &Question<'_>,
        mut each: impl FnMut(&Link, &Ask<'_>, &Decision),
    ) -> Result<Granted, ChainError> {
        let mut run = Run::new(question);
        for link in self.counting(question.service) {
            let link = link?;
            let ask = run.ask();
            let Some(heard) = self.heard(link, &ask, run.until).await? else { continue };
            if heard.decision.verdict == Verdict::Allow {
                each(link, &ask, &heard.decision);
            }
            run.add(link, heard)?;
        }
        Ok(run.into_granted())
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
