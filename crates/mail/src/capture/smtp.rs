//! SMTP and LMTP: a connection of a journal, or of somebody whose mail goes on.
//!
//! A journal's every recipient is taken; who may connect at all is decided before. Bytes are kept exactly as they
//! come, bare line ends and NULs included, and no `Received` field is put before them: the envelope
//! stands in the delivery's row. For mail that goes on, the [`Front`] is asked for each recipient.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use everpost_codec::journal;
use everpost_codec::smtp::server::{Abandoned, Config, Event, Session};
use everpost_codec::smtp::{Credentials, Mechanism, Protocol, Rcpt, Reply, Timeout};
use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use everpost_store::StoreError;

use super::tally::Fate;
use super::{Arrived, Capture, Gathered, Road, Tally};
use crate::relay::front::{self, Front, Sender};

/// Bytes that are read at a time.
const BUFFER: usize = 16 << 10;
/// Bytes of a message that must come within [`Timeout::DataBlock`]: who sends a byte a minute holds
/// memory for nothing.
const BLOCK: usize = 16 << 10;
/// How long a peer may take to hear that the connection ends.
const FAREWELL: Duration = Duration::from_secs(5);

/// How a listener answers.
#[derive(Debug, Clone)]
pub struct SmtpOptions {
    /// What it calls itself.
    pub hostname: String,
    /// SMTP or LMTP.
    pub protocol: Protocol,
    /// Bytes of a message.
    pub max_message: u64,
}

/// Knows who may sign in, by name and password: the addresses that they may send as.
pub trait Login: Send + Sync {
    /// `None`: nobody of that name and password.
    fn login(
        &self,
        user: String,
        password: String,
        from: Option<IpAddr>,
    ) -> BoxFuture<'static, Result<Option<Vec<String>>, StoreError>>;
}

/// A mail that somebody who signed in sends.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The addresses that they may send as.
    pub own: Vec<String>,
    /// Who sends it, as MAIL FROM says; empty for nobody.
    pub sender: String,
    /// Whom it is for, as RCPT TO says.
    pub recipients: Vec<String>,
    /// Its bytes.
    pub raw: Vec<u8>,
}

/// Takes mail that people send, and sees to it.
pub trait Mailer: Send + Sync {
    /// Durable when it returns.
    ///
    /// # Errors
    /// With what the program is told.
    fn take(&self, letter: Letter) -> BoxFuture<'static, Result<(), Reply>>;
}

/// The way of mail from an SMTP or LMTP connection into an archive. Cheap to clone.
#[derive(Clone)]
pub struct SmtpRoad {
    capture: Capture,
    config: Config,
    road: Road,
    /// Where mail is to go on.
    front: Option<Front>,
    login: Option<Arc<dyn Login>>,
    /// Who sees to mail beside a mail program.
    mailer: Option<Arc<dyn Mailer>>,
    /// How long a peer may take; a test's is shorter.
    pub(super) patience: fn(Timeout) -> Duration,
}

/// How a connection is protected.
pub enum Security {
    /// It is not.
    None,
    /// It will be, if the client asks (STARTTLS).
    Offered(TlsAcceptor),
    /// It is, from its first byte on (RFC 8314 §3).
    Within,
}

/// Why the bytes of a connection are no more read as they are.
enum Ended {
    /// It is over.
    Closed,
    /// TLS begins.
    Upgrade,
}

impl SmtpRoad {
    /// For a listener.
    pub fn new(capture: Capture, options: &SmtpOptions) -> Self {
        let mut config = Config::new(options.hostname.clone(), options.protocol);
        config.max_size = options.max_message;
        config.bare_line_ends = true;
        config.nul_in_data = true;
        // A journal's mailbox may be a name that only the sending server knows.
        config.local_names = true;
        let road = match options.protocol {
            Protocol::Smtp => Road::Journal,
            Protocol::Lmtp => Road::Lmtp,
        };
        SmtpRoad {
            capture,
            config,
            road,
            front: None,
            login: None,
            mailer: None,
            patience: Timeout::duration,
        }
    }

    /// For a listener whose mail goes on: from other servers, or with `login` from those who sign in.
    pub fn onward(
        capture: Capture,
        options: &SmtpOptions,
        front: Front,
        login: Option<Arc<dyn Login>>,
    ) -> Self {
        let mut road = Self::new(capture, options);
        // What ends a line here may not there: such mail is refused (smuggling).
        (road.config.bare_line_ends, road.config.nul_in_data) = (false, false);
        road.config.local_names = false;
        road.road = Road::Mx;
        if login.is_some() {
            road.road = Road::Submission;
            road.config.offers.auth = vec![Mechanism::Plain, Mechanism::Login];
            (road.config.needs_tls, road.config.needs_auth) = (true, true);
        }
        (road.front, road.login) = (Some(front), login);
        road
    }

    /// For a listener beside a mail program, on its machine: whoever signs in hands mail to `mailer`.
    pub fn beside(
        capture: Capture,
        options: &SmtpOptions,
        login: Arc<dyn Login>,
        mailer: Arc<dyn Mailer>,
    ) -> Self {
        let mut road = Self::new(capture, options);
        (road.config.bare_line_ends, road.config.nul_in_data) = (false, false);
        road.config.local_names = false;
        road.road = Road::Submission;
        road.config.offers.auth = vec![Mechanism::Plain, Mechanism::Login];
        (road.config.needs_auth, road.config.auth_in_clear) = (true, true);
        (road.login, road.mailer) = (Some(login), Some(mailer));
        road
    }

    /// Serves a connection until it ends. `stop` returns when the service stops: the message under way may then
    /// still come to its end.
    pub async fn serve<S>(
        &self,
        mut stream: S,
        from: Option<IpAddr>,
        security: Security,
        stop: impl Future<Output = ()>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let _connected = self.tally().connected();
        let mut config = self.config.clone();
        config.offers.starttls = matches!(security, Security::Offered(_));
        let mut talk = Talk {
            road: self,
            session: Session::new(config),
            from,
            sender: Sender::Stranger,
            message: None,
            stop: std::pin::pin!(stop),
            stopping: false,
        };
        if matches!(security, Security::Within) {
            talk.session.tls_started();
        }
        talk.session.greet();
        // An error is the connection's: there is nobody left to tell.
        if let Ok(Ended::Upgrade) = talk.run(&mut stream).await
            && let Security::Offered(tls) = security
        {
            let patience = (self.patience)(Timeout::Handshake);
            if let Ok(Ok(mut stream)) = timeout(patience, tls.accept(stream)).await {
                talk.session.tls_started();
                talk.run(&mut stream).await.ok();
                timeout(FAREWELL, stream.shutdown()).await.ok();
            }
        } else {
            timeout(FAREWELL, stream.shutdown()).await.ok();
        }
        if talk.message.is_some() {
            self.tally().count(Fate::Abandoned);
        }
    }

    /// Turns a connection away.
    pub async fn turn_away<S>(&self, mut stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut session = Session::new(self.config.clone());
        session.shut_down(&Reply::new(554, [7, 1], "not from your address"));
        let answer = async {
            stream.write_all(session.output()).await?;
            stream.shutdown().await
        };
        timeout(FAREWELL, answer).await.ok();
    }

    fn tally(&self) -> &Tally {
        self.capture.tally(self.road)
    }
}

/// A message under way.
#[derive(Default)]
struct Message {
    envelope: journal::Envelope,
    /// Where it goes on to.
    onward: front::Incoming,
    /// Bytes that its sender announced.
    announced: Option<u64>,
    body: Gathered,
}

/// One connection.
struct Talk<'a, F> {
    road: &'a SmtpRoad,
    session: Session,
    /// The client's address.
    from: Option<IpAddr>,
    /// Who it is.
    sender: Sender,
    message: Option<Message>,
    stop: Pin<&'a mut F>,
    stopping: bool,
}

impl<F: Future<Output = ()>> Talk<'_, F> {
    /// Moves bytes between the stream and the session.
    async fn run<S>(&mut self, stream: &mut S) -> std::io::Result<Ended>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut buffer = vec![0; BUFFER];
        self.write(stream).await?;
        let mut clock = Clock::start(self);
        loop {
            self.stop_between_messages();
            if self.session.is_closed() {
                self.write(stream).await?;
                return Ok(Ended::Closed);
            }
            let read = tokio::select! {
                biased;
                () = &mut self.stop, if !self.stopping => {
                    self.stopping = true;
                    continue;
                }
                read = timeout_at(clock.until, stream.read(&mut buffer)) => read,
            };
            let Ok(read) = read else {
                let late = Reply::new(421, [4, 2], "nothing came for too long");
                self.session.shut_down(&late);
                self.write(stream).await?;
                return Ok(Ended::Closed);
            };
            let mut input = buffer.get(..read?).unwrap_or_default();
            if input.is_empty() {
                return Ok(Ended::Closed);
            }
            let octets = input.len();
            if let Some(ended) = self.take(stream, &mut input, &mut clock).await? {
                return Ok(ended);
            }
            if self.session.timeout() == Some(Timeout::DataBlock) {
                clock.block(octets, self);
            }
        }
    }

    /// Takes all bytes that were read.
    async fn take<S>(
        &mut self,
        stream: &mut S,
        input: &mut &[u8],
        clock: &mut Clock,
    ) -> std::io::Result<Option<Ended>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut upgrade = false;
        loop {
            while let Some(event) = self.session.next(input) {
                match event {
                    Event::Body(bytes) => {
                        if let Some(message) = &mut self.message {
                            message.body.push(&self.road.capture, bytes);
                        }
                        continue;
                    }
                    Event::BodyEnd(_) => {
                        // What it was told before may interest it while it waits.
                        self.write(stream).await?;
                        self.archive().await;
                    }
                    Event::Rcpt(rcpt) => self.ask(rcpt).await,
                    Event::Auth(credentials) => self.sign_in(credentials).await,
                    Event::StartTls => {
                        self.abandon();
                        upgrade = true;
                    }
                    Event::Close(_) => {
                        self.write(stream).await?;
                        return Ok(Some(Ended::Closed));
                    }
                    event => self.answer(event),
                }
                clock.restart(self);
            }
            if !self.session.output().is_empty() {
                clock.restart(self);
            }
            self.write(stream).await?;
            if input.is_empty() || self.session.is_closed() {
                // Bytes behind STARTTLS were given to the session above, which has closed then.
                return Ok((upgrade && !self.session.is_closed()).then_some(Ended::Upgrade));
            }
        }
    }

    /// Answers what needs no waiting.
    fn answer(&mut self, event: Event<'_>) {
        match event {
            Event::Mail(mail) => {
                if let Some(front) = &self.road.front
                    && let Err(reply) = front.may_send_as(&self.sender, &mail.from.to_string())
                {
                    return self.session.answer(&reply);
                }
                self.message = Some(Message {
                    envelope: journal::Envelope {
                        sender: mail.from.to_string(),
                        recipients: Vec::new(),
                    },
                    announced: mail.size,
                    onward: front::Incoming::new(mail),
                    ..Message::default()
                });
                self.session.accept();
            }
            Event::Data => {
                let fits = self.message.as_mut().is_some_and(|message| {
                    let announced = message.announced.unwrap_or(0);
                    let announced = usize::try_from(announced).unwrap_or(usize::MAX);
                    message.body.reserve(&self.road.capture, announced)
                });
                match fits {
                    true => self.session.accept(),
                    false => {
                        self.message = None;
                        self.road.tally().count(Fate::NoRoom);
                        self.session.answer(&no_room());
                    }
                }
            }
            Event::Abandoned(why) => match why {
                Abandoned::Reset => self.abandon(),
                _ => {
                    self.message = None;
                    self.road.tally().count(Fate::Refused);
                }
            },
            _ => {}
        }
    }

    /// Takes a recipient, or does not.
    async fn ask(&mut self, rcpt: Rcpt) {
        let Some(message) = &mut self.message else {
            // There was no room for it.
            return self.session.answer(&no_room());
        };
        let Some(front) = &self.road.front else {
            message.envelope.recipients.push(rcpt.to.to_string());
            return self.session.accept();
        };
        match front
            .recipient(&self.sender, &message.onward.mail, &rcpt)
            .await
        {
            Ok(accepted) => {
                message.onward.add(accepted);
                self.session.accept();
            }
            Err(reply) => {
                self.road.tally().count(Fate::Unwanted);
                self.session.answer(&reply);
            }
        }
    }

    /// Lets somebody in, or does not.
    async fn sign_in(&mut self, credentials: Credentials) {
        let known = match (&self.road.login, credentials) {
            (Some(login), Credentials::Password { user, password, .. }) => {
                let secret = password.reveal().to_owned();
                login.login(user, secret, self.from).await
            }
            _ => Ok(None),
        };
        let reply = match known {
            Ok(Some(own)) => {
                self.sender = Sender::User(own);
                return self.session.accept();
            }
            Ok(None) => Reply::new(535, [7, 8], "name or password is wrong"),
            Err(_) => Reply::new(454, [7, 0], "nobody can be let in now, come again"),
        };
        self.session.answer(&reply);
    }

    /// Archives the message that is complete, and only then says so.
    async fn archive(&mut self) {
        let tally = self.road.tally();
        let Some(mut message) = self.message.take() else {
            // Nothing is accepted that is not here.
            return self.session.answer_rest(&no_room());
        };
        let Some((raw, room)) = message.body.finish(&self.road.capture).await else {
            tally.count(Fate::NoRoom);
            return self.session.answer_rest(&no_room());
        };
        let size = raw.len();
        let taken = match (&self.road.front, &self.road.mailer) {
            (None, Some(mailer)) => {
                let own = match &self.sender {
                    Sender::User(own) => own.clone(),
                    _ => Vec::new(),
                };
                let letter = Letter {
                    own,
                    sender: message.envelope.sender,
                    recipients: message.envelope.recipients,
                    raw: raw.to_vec(),
                };
                mailer.take(letter).await.map(|()| None)
            }
            (Some(front), _) => {
                let peer = front::Peer {
                    address: self.from,
                    helo: self.session.client_name().unwrap_or_default().to_owned(),
                    protocol: self.session.received_with(),
                };
                let taken = front.take(raw, message.onward, &peer, &self.sender);
                taken.await.map(Some)
            }
            (None, None) => {
                let arrived = Arrived {
                    raw,
                    envelope: message.envelope,
                    is_whole: false,
                };
                let taken = self.road.capture.take(arrived).await;
                let again =
                    |_| Reply::new(451, [3, 0], "the archive cannot take it now, come again");
                taken.map(|taken| taken.id()).map_err(again)
            }
        };
        drop(room);
        let reply = match taken {
            Ok(id) => {
                tally.kept(size);
                let kept = id.map(|id| format!("kept as {id}"));
                Reply::new(250, [6, 0], kept.unwrap_or_default())
            }
            Err(reply) => {
                tally.count(match reply.is_permanent() {
                    true => Fate::Refused,
                    false => Fate::Failed,
                });
                reply
            }
        };
        self.session.answer_rest(&reply);
    }

    /// Forgets the message under way.
    fn abandon(&mut self) {
        if self.message.take().is_some() {
            self.road.tally().count(Fate::Abandoned);
        }
    }

    /// Between two messages is the time to go.
    fn stop_between_messages(&mut self) {
        if self.stopping && self.message.is_none() {
            let bye = Reply::new(421, [3, 2], "the service stops, come again");
            self.session.shut_down(&bye);
        }
    }

    async fn write<S: AsyncWrite + Unpin>(&mut self, stream: &mut S) -> std::io::Result<()> {
        let octets = self.session.output().len();
        if octets > 0 {
            let patience = (self.road.patience)(Timeout::NextCommand);
            let written = async {
                stream.write_all(self.session.output()).await?;
                stream.flush().await
            };
            timeout(patience, written).await??;
            self.session.written(octets);
        }
        Ok(())
    }
}

/// Until when something must come. Not each byte winds it up, but each command that is complete, and
/// each block of a message: else a byte a minute would hold a connection for ever.
struct Clock {
    until: Instant,
    /// Of the block under way.
    octets: usize,
}

impl Clock {
    fn start<F>(talk: &Talk<'_, F>) -> Self {
        let wait = talk.session.timeout().unwrap_or(Timeout::NextCommand);
        Clock {
            until: Instant::now() + (talk.road.patience)(wait),
            octets: 0,
        }
    }

    fn restart<F>(&mut self, talk: &Talk<'_, F>) {
        *self = Clock::start(talk);
    }

    fn block<F>(&mut self, octets: usize, talk: &Talk<'_, F>) {
        self.octets += octets;
        if self.octets >= BLOCK {
            self.restart(talk);
        }
    }
}

fn no_room() -> Reply {
    Reply::new(452, [3, 1], "no room now, come again")
}
