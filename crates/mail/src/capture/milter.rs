//! Milter: a mail server shows a filter each mail before it takes it, with everybody whom it is for.
//!
//! What comes this way are plain copies, and anybody may have written them: reports are not read.

use std::time::Duration;

use everpost_codec::journal::{self, Reports};
use everpost_codec::milter::{Answer, Error, Event, Options, Reply, Session};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::tally::Fate;
use super::{Arrived, Capture, Gathered, Road, Tally};

/// Bytes that are read at a time.
const BUFFER: usize = 64 << 10;
/// A mail server waits for its own clients, five minutes for a command; then nobody is there.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often a mail server that waits for the archive hears that it should wait longer.
const PROGRESS: Duration = Duration::from_secs(30);

/// How a filter answers.
#[derive(Debug, Clone, Copy)]
pub struct MilterOptions {
    /// Mail that cannot be archived passes, and the log says so; else its sender is asked to come again.
    pub fail_open: bool,
    /// Bytes of a message.
    pub max_message: u64,
}

/// The way of mail from a mail server's filter connection into an archive. Cheap to clone.
#[derive(Clone)]
pub struct MilterRoad {
    capture: Capture,
    options: MilterOptions,
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum Broken {
    /// Of the protocol.
    #[error(transparent)]
    Protocol(#[from] Error),
    /// Of the connection.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Why a message was not archived.
enum Missed {
    NoRoom,
    TooLarge,
    Failed,
}

impl MilterRoad {
    /// For a listener.
    pub fn new(capture: &Capture, options: MilterOptions) -> Self {
        MilterRoad {
            capture: capture.believing(Reports::Ignored),
            options,
        }
    }

    /// Serves a connection until it ends. `stop` returns when the service stops: the message under way
    /// may then still come to its end.
    pub async fn serve<S>(&self, mut stream: S, stop: impl Future<Output = ()>)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let _connected = self.tally().connected();
        let mut talk = Talk {
            road: self,
            session: Session::new(Options::default()),
            message: None,
        };
        if let Err(Broken::Protocol(error)) = talk.run(&mut stream, stop).await {
            tracing::warn!(%error, "a milter connection was closed");
        }
        if talk.message.is_some() {
            self.tally().count(Fate::Abandoned);
        }
    }

    fn tally(&self) -> &Tally {
        self.capture.tally(Road::Milter)
    }

    /// The answer for a message that is not in the archive.
    fn missed(&self, why: &Missed, queue_id: Option<String>, recipients: usize) -> Answer {
        let (fate, what) = match why {
            Missed::NoRoom => (Fate::NoRoom, "there was no room for it"),
            Missed::TooLarge => (Fate::Refused, "it is too large"),
            Missed::Failed => (Fate::Failed, "the archive could not take it"),
        };
        if self.options.fail_open {
            self.tally().count(Fate::Omitted);
            let queue_id = queue_id.unwrap_or_default();
            tracing::error!(
                code = "E-OMITTED",
                queue_id,
                recipients,
                "a mail passed without being archived: {what}"
            );
            return Answer::Accept;
        }
        self.tally().count(fate);
        let never = Reply::new(552, (5, 3, 4), "message too large for the archive");
        match (why, never) {
            // To come again would not help.
            (Missed::TooLarge, Some(never)) => Answer::Refuse(never),
            _ => Answer::TempFail,
        }
    }
}

/// A message under way.
#[derive(Default)]
struct Message {
    envelope: journal::Envelope,
    body: Gathered,
    size: u64,
}

/// One connection.
struct Talk<'a> {
    road: &'a MilterRoad,
    session: Session,
    message: Option<Message>,
}

impl Talk<'_> {
    async fn run<S>(&mut self, stream: &mut S, stop: impl Future<Output = ()>) -> Result<(), Broken>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut stop = std::pin::pin!(stop);
        let mut stopping = false;
        let mut buffer = vec![0; BUFFER];
        loop {
            // The server asks again over another connection, and meanwhile answers its clients as it
            // is set to.
            if stopping && self.message.is_none() {
                return Ok(());
            }
            let read = tokio::select! {
                biased;
                () = &mut stop, if !stopping => {
                    stopping = true;
                    continue;
                }
                read = timeout(PATIENCE, stream.read(&mut buffer)) => read,
            };
            let Ok(read) = read else { return Ok(()) };
            let piece = buffer.get(..read?).unwrap_or_default();
            if piece.is_empty() {
                return Ok(());
            }
            self.session.push(piece);
            while let Some(event) = self.session.next()? {
                if event == Event::Quit {
                    return Ok(());
                }
                self.handle(stream, event).await?;
            }
            self.write(stream).await?;
        }
    }

    async fn handle<S>(&mut self, stream: &mut S, event: Event) -> Result<(), Broken>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        match event {
            Event::Connect { .. } => {}
            Event::Mail { path, .. } => {
                self.abandon();
                let mut message = Message::default();
                message.envelope.sender = text(&path);
                self.message = Some(message);
            }
            Event::Recipient { path, .. } => {
                if let Some(message) = &mut self.message {
                    message.envelope.recipients.push(text(&path));
                }
            }
            Event::Header { .. } | Event::EndOfHeader | Event::Body(_) => {
                let mut piece = Vec::new();
                event.write(&mut piece);
                self.gather(&piece);
                return Ok(());
            }
            Event::End { queue_id, .. } => {
                let answer = self.archive(stream, queue_id).await?;
                self.session.answer(&answer);
                return Ok(());
            }
            Event::Abort | Event::Disconnect => {
                self.abandon();
                return Ok(());
            }
            Event::Helo(_) | Event::Data | Event::Quit => return Ok(()),
        }
        self.session.answer(&Answer::Continue);
        Ok(())
    }

    fn gather(&mut self, piece: &[u8]) {
        let Some(message) = &mut self.message else {
            return;
        };
        message.size = message.size.saturating_add(piece.len() as u64);
        if message.size > self.road.options.max_message {
            // What came needs no room any more.
            message.body = Gathered::default();
        } else {
            message.body.push(&self.road.capture, piece);
        }
    }

    /// Archives the message that is complete; the answer for the server.
    async fn archive<S>(
        &mut self,
        stream: &mut S,
        queue_id: Option<String>,
    ) -> Result<Answer, Broken>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let road = self.road;
        let message = self.message.take().unwrap_or_default();
        let recipients = message.envelope.recipients.len();
        if message.size > road.options.max_message {
            return Ok(road.missed(&Missed::TooLarge, queue_id, recipients));
        }
        let mut body = message.body;
        let taking = async {
            let Some((raw, room)) = body.finish(&road.capture).await else {
                return Err(Missed::NoRoom);
            };
            let size = raw.len();
            let arrived = Arrived {
                raw,
                envelope: message.envelope,
                is_whole: true,
            };
            let taken = road.capture.take(arrived).await;
            drop(room);
            taken.map(|_| size).map_err(|_| Missed::Failed)
        };
        let mut taking = std::pin::pin!(taking);
        let taken = loop {
            match timeout(PROGRESS, &mut taking).await {
                Ok(taken) => break taken,
                Err(_) => {
                    self.session.progress();
                    self.write(stream).await?;
                }
            }
        };
        Ok(match taken {
            Ok(size) => {
                road.tally().kept(size);
                Answer::Continue
            }
            Err(why) => road.missed(&why, queue_id, recipients),
        })
    }

    /// Forgets the message under way.
    fn abandon(&mut self) {
        if self.message.take().is_some() {
            self.road.tally().count(Fate::Abandoned);
        }
    }

    async fn write<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) -> Result<(), Broken> {
        let output = self.session.take_output();
        if output.is_empty() {
            return Ok(());
        }
        let written = async {
            stream.write_all(&output).await?;
            stream.flush().await
        };
        timeout(PATIENCE, written)
            .await
            .map_err(std::io::Error::from)??;
        Ok(())
    }
}

/// An address as text. What is not UTF-8 is no address that anybody owns.
fn text(path: &[u8]) -> String {
    String::from_utf8_lossy(path).into_owned()
}
