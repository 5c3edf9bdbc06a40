//! Waiting until something happens in a folder.

use std::pin::pin;

use everpost_codec::imap::client::{Answer, Request};
use tokio::time::{Instant, sleep};

use super::Upstream;
use super::connection::Happening;
use super::look::Access;
use super::trouble::{Trouble, agreed};

/// Why waiting ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Woken {
    /// Something came, went or changed.
    Stirred,
    /// Whoever waits had enough.
    Ended,
}

/// Whether this is news of the folder, and not only a sign of life.
fn is_news(answer: &Answer) -> bool {
    matches!(
        answer,
        Answer::Exists(_) | Answer::Expunged(_) | Answer::Vanished { .. } | Answer::Fetched(_)
    )
}

impl Upstream {
    /// The folder that is open, if something happened in it since the last [`look`](Upstream::look). What the server counts of it may be
    /// out of date: STATUS need not look again at a folder that is open (RFC 9051 §6.3.11).
    pub fn stirred(&self) -> Option<&str> {
        let opened = self.opened.as_ref()?;
        self.connection
            .news
            .is_stirred
            .then_some(opened.folder.as_str())
    }

    /// Waits until something happens in a folder, or `until` is over: a time, or something to be ordered. What happened since the
    /// last [`look`](Upstream::look) and was heard already, by our own orders too, ends it at once.
    ///
    /// By IDLE, begun anew every few minutes, so that a server that is gone is noticed ([`Patience`](super::Patience)); where there is no
    /// IDLE, by NOOP once a minute.
    ///
    /// # Errors
    /// [`Trouble::Refused`] where the folder cannot be opened.
    pub async fn idle(
        &mut self,
        folder: &str,
        until: impl Future<Output = ()> + Send,
    ) -> Result<Woken, Trouble> {
        self.open(folder, Access::Read).await?;
        let mut until = pin!(until);
        let patience = self.connection.patience();
        loop {
            if self.connection.news.is_stirred {
                return Ok(Woken::Stirred);
            }
            if self.capabilities.has("IDLE") {
                if let Some(woken) = self.idle_once(until.as_mut()).await? {
                    return Ok(woken);
                }
                continue;
            }
            tokio::select! {
                () = &mut until => return Ok(Woken::Ended),
                () = sleep(patience.poll) => {}
            }
            let mut is_stirred = false;
            let mut ear = |answer: Answer| is_stirred |= matches!(answer, Answer::Fetched(_));
            self.ask(Request::new("NOOP"), &mut ear).await?;
            self.connection.news.is_stirred |= is_stirred;
        }
    }

    /// One IDLE. `None`: it was ended for its time was over.
    async fn idle_once(
        &mut self,
        mut until: std::pin::Pin<&mut (impl Future<Output = ()> + Send)>,
    ) -> Result<Option<Woken>, Trouble> {
        let patience = self.connection.patience();
        let mut woken = None;
        self.connection.begin(Request::new("IDLE").talking())?;
        let deadline = Instant::now() + patience.silence;
        loop {
            match self.connection.step(patience.silence, deadline).await? {
                Happening::Challenge => break,
                Happening::Answer(answer) => self.hear(&answer),
                // It does not want to, whatever it said that it can: so there is polling.
                Happening::Done(status) => {
                    if agreed(status).is_err() {
                        self.capabilities.forget("IDLE");
                    }
                    return Ok(None);
                }
                _ => {}
            }
        }
        let over = Instant::now() + patience.idle;
        while woken.is_none() && !self.connection.news.is_stirred {
            tokio::select! {
                () = &mut until => woken = Some(Woken::Ended),
                heard = self.connection.hear_until(over) => match heard? {
                    Some(Happening::Answer(answer)) => self.hear(&answer),
                    // It ended it by itself.
                    Some(Happening::Done(_)) => return Ok(None),
                    Some(_) => {}
                    None if Instant::now() >= over => break,
                    None => {}
                },
            }
        }
        self.connection.client.reply("DONE").ok();
        let deadline = Instant::now() + patience.silence;
        loop {
            match self.connection.step(patience.silence, deadline).await? {
                Happening::Answer(answer) => self.hear(&answer),
                Happening::Done(_) => break,
                _ => {}
            }
        }
        Ok(match self.connection.news.is_stirred {
            true => Some(Woken::Stirred),
            false => woken,
        })
    }

    fn hear(&mut self, answer: &Answer) {
        self.connection.note(answer);
        let is_known = matches!(answer, Answer::Exists(_));
        self.connection.news.is_stirred |= is_news(answer) && !is_known;
    }
}
