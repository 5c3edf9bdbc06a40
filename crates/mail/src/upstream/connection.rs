//! One connection: the client machine of `codec`, driven.

use std::time::Duration;

use bytes::Bytes;
use everpost_codec::imap::client::{Answer, Client, Event, Fate, Kind, Request, Status};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::account::Patience;
use super::trouble::Trouble;

/// Bytes that are read at a time.
const BUFFER: usize = 16 << 10;
/// Bytes of a message that are handed to the machine at a time.
const PIECE: usize = 64 << 10;

pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

/// A connection that is open to a server.
pub(super) struct Connection {
    stream: Box<dyn Duplex>,
    pub(super) client: Client,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were read and not taken yet.
    waiting: (usize, usize),
    patience: Patience,
    heard_at: Instant,
    /// The server's last words.
    bye: Option<String>,
    is_over: bool,
    pub(super) news: News,
}

/// What was said of the mailbox that is open, asked or not.
#[derive(Debug, Default)]
pub(super) struct News {
    /// Messages in it.
    pub(super) exists: u32,
    /// How often messages went.
    pub(super) expunges: u64,
    /// Something came or went since the last look.
    pub(super) is_stirred: bool,
}

/// What happens.
pub(super) enum Happening {
    Greeting(Status),
    Answer(Answer),
    Piece(Vec<u8>),
    Begins(u64),
    Ends,
    Message,
    Challenge,
    Done(Status),
}

/// Who is told what is said while a command is under way.
pub(super) type Ear<'a> = &'a mut (dyn FnMut(Answer) + Send);

impl Connection {
    pub(super) fn new(stream: Box<dyn Duplex>, patience: Patience) -> Self {
        Connection {
            stream,
            client: Client::new(),
            buffer: vec![0; BUFFER],
            waiting: (0, 0),
            patience,
            heard_at: Instant::now(),
            bye: None,
            is_over: false,
            news: News::default(),
        }
    }

    /// Gives the stream away, for TLS to be put over it. `None`: the server, or somebody before it, said more than it could, which
    /// would be taken for said under TLS.
    pub(super) fn into_stream(self) -> Option<Box<dyn Duplex>> {
        (self.waiting.0 == self.waiting.1 && self.client.is_between()).then_some(self.stream)
    }

    /// Why it is of no more use.
    pub(super) fn broken(&mut self, trouble: Trouble) -> Trouble {
        self.is_over = true;
        match (self.client.fate(), trouble) {
            (Fate::Unknown, trouble) => Trouble::Lost(trouble.to_string()),
            (Fate::NotSent, trouble) => trouble,
        }
    }

    /// Nothing more is to be said on it.
    pub(super) fn give_up(&mut self) {
        self.is_over = true;
    }

    fn ended(&mut self, why: &str) -> Trouble {
        let trouble = match self.bye.take() {
            Some(text) => Trouble::Away(text),
            None => Trouble::Unreachable(why.to_owned()),
        };
        self.broken(trouble)
    }

    /// The next thing that happens, waiting no longer than this for a byte, and not beyond that instant.
    pub(super) async fn step(
        &mut self,
        silence: Duration,
        deadline: Instant,
    ) -> Result<Happening, Trouble> {
        loop {
            if let Some(happening) = self.ready()? {
                return Ok(happening);
            }
            self.write().await?;
            let until = deadline.min(Instant::now() + silence);
            let read = timeout_at(until, self.stream.read(&mut self.buffer)).await;
            match read {
                Ok(Ok(0)) => return Err(self.ended("it closed the connection")),
                Ok(Ok(octets)) => {
                    self.waiting = (0, octets);
                    self.heard_at = Instant::now();
                }
                Ok(Err(error)) => return Err(self.ended(&error.to_string())),
                Err(_) => return Err(self.ended("no answer")),
            }
        }
    }

    /// The next thing that happens until then, or nothing. May be given up at any time.
    pub(super) async fn hear_until(
        &mut self,
        until: Instant,
    ) -> Result<Option<Happening>, Trouble> {
        if let Some(happening) = self.ready()? {
            return Ok(Some(happening));
        }
        match timeout_at(until, self.stream.read(&mut self.buffer)).await {
            Ok(Ok(0)) => Err(self.ended("it closed the connection")),
            Ok(Ok(octets)) => {
                self.waiting = (0, octets);
                self.heard_at = Instant::now();
                self.ready()
            }
            Ok(Err(error)) => Err(self.ended(&error.to_string())),
            Err(_) => Ok(None),
        }
    }

    /// What can be told without reading more.
    fn ready(&mut self) -> Result<Option<Happening>, Trouble> {
        let (from, to) = self.waiting;
        let mut input = self.buffer.get(from..to).unwrap_or_default();
        let event = self.client.next(&mut input);
        self.waiting = (to - input.len(), to);
        Ok(Some(match event {
            None => return Ok(None),
            Some(Event::Greeting(status)) => Happening::Greeting(status),
            Some(Event::Answer(answer)) => Happening::Answer(answer),
            Some(Event::Begins(octets)) => Happening::Begins(octets),
            Some(Event::Piece(piece)) => Happening::Piece(piece.to_vec()),
            Some(Event::Ends) => Happening::Ends,
            Some(Event::Message) => Happening::Message,
            Some(Event::Challenge(_)) => Happening::Challenge,
            Some(Event::Done(status)) => Happening::Done(status),
            Some(Event::Fault(fault)) => {
                return Err(self.broken(Trouble::Nonsense(fault.to_string())));
            }
        }))
    }

    pub(super) async fn write(&mut self) -> Result<(), Trouble> {
        let octets = self.client.output().len();
        if octets == 0 {
            return Ok(());
        }
        let written = async {
            self.stream.write_all(self.client.output()).await?;
            self.stream.flush().await
        };
        let done = timeout(self.patience.silence, written).await;
        // Written or not, nobody can say how much of it went out.
        self.client.written(octets);
        match done {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.ended(&error.to_string())),
            Err(_) => Err(self.ended("it takes nothing")),
        }
    }

    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.patience.command
    }

    pub(super) fn patience(&self) -> Patience {
        self.patience
    }

    /// Hands a command to the machine.
    pub(super) fn begin(&mut self, request: Request) -> Result<(), Trouble> {
        if self.is_over {
            return Err(self.ended("the connection ended before"));
        }
        self.client.send(request).map_err(|_| {
            self.is_over = true;
            Trouble::Unreachable("a command was given up half way".to_owned())
        })
    }

    /// Sends a command and hears until it is over.
    pub(super) async fn exchange(
        &mut self,
        request: Request,
        ear: Ear<'_>,
    ) -> Result<Status, Trouble> {
        self.exchange_with(request, &[], ear).await
    }

    /// Sends a command with a message.
    pub(super) async fn exchange_with(
        &mut self,
        request: Request,
        message: &[Bytes],
        ear: Ear<'_>,
    ) -> Result<Status, Trouble> {
        self.begin(request)?;
        let deadline = self.deadline();
        loop {
            match self.step(self.patience.silence, deadline).await? {
                Happening::Answer(answer) => {
                    self.note(&answer);
                    ear(answer);
                }
                Happening::Message => self.message(message).await?,
                Happening::Done(status) => return Ok(status),
                // Nobody asked for them here.
                Happening::Begins(_) | Happening::Piece(_) | Happening::Ends => {}
                Happening::Greeting(_) | Happening::Challenge => {}
            }
        }
    }

    async fn message(&mut self, message: &[Bytes]) -> Result<(), Trouble> {
        for piece in message.iter().flat_map(|part| part.chunks(PIECE)) {
            if self.client.message(piece).is_err() {
                return Err(self.broken(Trouble::Nonsense("the message was cut".to_owned())));
            }
            self.write().await?;
        }
        Ok(())
    }

    /// Takes in what is said without being asked.
    pub(super) fn note(&mut self, answer: &Answer) {
        match answer {
            Answer::Exists(exists) => {
                self.news.is_stirred |= *exists != self.news.exists;
                self.news.exists = *exists;
            }
            Answer::Expunged(_) => {
                self.news.exists = self.news.exists.saturating_sub(1);
                self.news.expunges += 1;
                self.news.is_stirred = true;
            }
            Answer::Vanished {
                earlier: false,
                uids,
            } => {
                let gone = uids
                    .0
                    .iter()
                    .map(|(from, to)| u64::from(to - from) + 1)
                    .sum();
                let gone: u64 = gone;
                let exists = u64::from(self.news.exists).saturating_sub(gone);
                self.news.exists = u32::try_from(exists).unwrap_or(0);
                self.news.expunges += 1;
                self.news.is_stirred = true;
            }
            Answer::Status(status) if status.kind == Kind::Bye => {
                self.bye = Some(status.text.clone());
            }
            _ => {}
        }
    }

    /// Makes sure that the server is there before a change is ordered: what is ordered on a dead connection is in doubt for
    /// nothing.
    pub(super) async fn freshen(&mut self) -> Result<(), Trouble> {
        loop {
            while let Some(happening) = self.ready()? {
                if let Happening::Answer(answer) = happening {
                    self.note(&answer);
                }
            }
            match timeout(Duration::ZERO, self.stream.read(&mut self.buffer)).await {
                Ok(Ok(0)) => return Err(self.ended("it closed the connection")),
                Ok(Ok(octets)) => {
                    self.waiting = (0, octets);
                    self.heard_at = Instant::now();
                }
                Ok(Err(error)) => return Err(self.ended(&error.to_string())),
                Err(_) => break,
            }
        }
        if self.bye.is_some() {
            return Err(self.ended("goodbye"));
        }
        if self.heard_at.elapsed() >= self.patience.fresh {
            self.exchange(Request::new("NOOP"), &mut |_| {}).await?;
        }
        Ok(())
    }

    /// Says goodbye.
    pub(super) async fn quit(mut self) {
        let farewell = async {
            self.exchange(Request::new("LOGOUT"), &mut |_| {})
                .await
                .ok();
            self.stream.shutdown().await.ok();
        };
        timeout(Duration::from_secs(5), farewell).await.ok();
    }
}
