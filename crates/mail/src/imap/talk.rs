//! One connection: bytes between the stream and the session, and each event to whoever answers it.

use std::net::IpAddr;
use std::pin::Pin;

use everpost_codec::imap::answer::{self, Code, Condition};
use everpost_codec::imap::command::Command;
use everpost_codec::imap::server::{Config, Event, Session};
use everpost_codec::smtp::Credentials;
use everpost_store::{Replica, StoreError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::append::{Appending, Unheard};
use super::view::{How, View};
use super::{End, ImapRoad, Stream, Told};

/// Bytes that are read at a time.
const BUFFER: usize = 64 << 10;

/// A connection.
pub(super) struct Talk<'a> {
    pub(super) road: &'a ImapRoad,
    pub(super) session: Session,
    stream: Box<dyn Stream>,
    from: Option<IpAddr>,
    tls: Option<TlsAcceptor>,
    stop: Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
    stopping: bool,
    mailbox: Option<Mailbox>,
    pub(super) appending: Option<Appending>,
    /// The last APPEND that was answered, until the program says something more.
    pub(super) said: Option<Unheard>,
    knows_modseq: bool,
}

/// Whose mailbox, and what of it is selected.
pub(super) struct Mailbox {
    pub(super) replica: Replica,
    pub(super) view: Option<View>,
    changed: watch::Receiver<()>,
}

/// What ended waiting.
enum Came {
    Bytes(usize),
    News,
    Stop,
    Late,
}

impl<'a> Talk<'a> {
    pub(super) fn new(
        road: &'a ImapRoad,
        config: Config,
        stream: Box<dyn Stream>,
        from: Option<IpAddr>,
        tls: Option<TlsAcceptor>,
        stop: Pin<Box<dyn Future<Output = ()> + Send + 'a>>,
    ) -> Self {
        Talk {
            road,
            session: Session::new(config),
            stream,
            from,
            tls,
            stop,
            stopping: false,
            mailbox: None,
            appending: None,
            said: None,
            knows_modseq: false,
        }
    }

    pub(super) async fn run(&mut self) -> std::io::Result<()> {
        self.session.greet();
        self.flush().await?;
        let mut buffer = vec![0; BUFFER];
        let mut began = Instant::now();
        loop {
            if self.stopping && self.appending.is_none() {
                self.session.shut_down("the service stops, come again");
                return self.close().await;
            }
            let patience = match self.mailbox {
                Some(_) => self.road.patience.command,
                None => self.road.patience.login,
            };
            match self.wait(&mut buffer, began + patience).await? {
                Came::Stop => self.stopping = true,
                Came::Late => {
                    self.session.shut_down("nothing came for too long");
                    return self.close().await;
                }
                Came::News => {
                    if self.news().await.is_err() {
                        return Ok(());
                    }
                    self.flush().await?;
                }
                Came::Bytes(0) => return Ok(()),
                Came::Bytes(count) => {
                    // Before login each byte does not buy more time.
                    if self.mailbox.is_some() {
                        began = Instant::now();
                    }
                    self.said = None;
                    let mut input = buffer.get(..count).unwrap_or_default();
                    if self.take(&mut input).await? {
                        return self.close().await;
                    }
                }
            }
        }
    }

    async fn wait(&mut self, buffer: &mut [u8], until: Instant) -> std::io::Result<Came> {
        let idling = self.session.is_idling();
        let look = self.road.patience.look;
        let news = async {
            match &mut self.mailbox {
                Some(mailbox) if idling => {
                    // Other nodes tell nobody here.
                    timeout(look, mailbox.changed.changed()).await.ok();
                }
                _ => std::future::pending().await,
            }
        };
        let stopping = self.stopping;
        tokio::select! {
            biased;
            () = &mut self.stop, if !stopping => Ok(Came::Stop),
            read = timeout_at(until, self.stream.read(buffer)) => match read {
                Ok(read) => Ok(Came::Bytes(read?)),
                Err(_) => Ok(Came::Late),
            },
            () = news => Ok(Came::News),
        }
    }

    /// Takes all bytes that were read; true where the connection is over.
    async fn take(&mut self, input: &mut &[u8]) -> std::io::Result<bool> {
        loop {
            while let Some(event) = self.session.next(input) {
                match event {
                    Event::Close(_) => return Ok(true),
                    Event::StartTls => {
                        self.flush().await?;
                        return self.upgrade().await.map(|()| false);
                    }
                    Event::Bytes(bytes) => {
                        if let Some(appending) = &mut self.appending {
                            appending.push(bytes);
                        }
                    }
                    event => {
                        let told = self.answer(event).await;
                        if let Some(told) = told
                            && !self.tell(told)
                        {
                            return Ok(true);
                        }
                    }
                }
            }
            self.flush().await?;
            if input.is_empty() || self.session.is_closed() {
                return Ok(self.session.is_closed());
            }
        }
    }

    async fn upgrade(&mut self) -> std::io::Result<()> {
        let Some(tls) = self.tls.take() else {
            return Err(std::io::ErrorKind::Unsupported.into());
        };
        let plain = std::mem::replace(&mut self.stream, Box::new(tokio::io::empty()));
        let secured = timeout(self.road.patience.login, tls.accept(plain)).await??;
        self.stream = Box::new(secured);
        self.session.tls_started();
        Ok(())
    }

    /// Writes the end of a command; false where the connection ends instead.
    fn tell(&mut self, told: Told) -> bool {
        let code = told.code.as_ref();
        match told.how {
            End::Ok => self.session.ok(code, &told.text),
            End::No => self.session.no(code, &told.text),
            End::Bad => self.session.bad(code, &told.text),
            End::Cut => return false,
        }
        true
    }

    /// Answers an event; `None` where it has no end yet.
    async fn answer(&mut self, event: Event<'_>) -> Option<Told> {
        match event {
            Event::Auth(credentials) => Some(self.sign_in(credentials).await),
            Event::Command {
                command: Command::Idle,
                ..
            } => {
                if let Err(told) = self.news().await {
                    return Some(told);
                }
                self.session.go_on();
                None
            }
            Event::Command { tag, command } => {
                let may_expunge = may_expunge(&command);
                self.tell_modseq(&command);
                let told = match self.obey(&tag, command).await {
                    Ok(told) | Err(told) => told,
                };
                // What happened meanwhile is told before the end of the command.
                let news = match told.how {
                    End::Cut => Ok(()),
                    _ => self.refresh(may_expunge).await,
                };
                Some(news.err().unwrap_or(told))
            }
            Event::Done { .. } => Some(self.news().await.err().unwrap_or(Told::ok("idled"))),
            Event::Append { mailbox, .. } => {
                self.appending = Some(Appending::new(mailbox));
                None
            }
            Event::Message(announced) => match self.announced(announced).await {
                Ok(()) => {
                    self.session.go_on();
                    None
                }
                Err(told) => Some(told),
            },
            Event::MessageEnd => {
                if let Some(appending) = &mut self.appending {
                    appending.end_message();
                }
                None
            }
            Event::AppendEnd => {
                let told = match self.append().await {
                    Ok(told) | Err(told) => told,
                };
                let news = match told.how {
                    End::Cut => Ok(()),
                    _ => self.refresh(true).await,
                };
                Some(news.err().unwrap_or(told))
            }
            Event::Abandoned => {
                self.appending = None;
                None
            }
            Event::Bytes(_) | Event::StartTls | Event::Close(_) => None,
        }
    }

    async fn sign_in(&mut self, credentials: Credentials) -> Told {
        match self.road.mailboxes.open(credentials, self.from).await {
            Ok(Some(replica)) => {
                self.mailbox = Some(Mailbox {
                    changed: replica.changed(),
                    replica,
                    view: None,
                });
                Told::ok("welcome")
            }
            Ok(None) => Told::no(Code::AuthenticationFailed, "name or password is wrong"),
            Err(error) => error.into(),
        }
    }

    /// The mailbox of whoever signed in; the session lets nobody ask before that.
    pub(super) fn mailbox(&mut self) -> Result<&mut Mailbox, Told> {
        let nobody = || Told::bad("log in first");
        self.mailbox.as_mut().ok_or_else(nobody)
    }

    pub(super) fn replica(&self) -> Result<Replica, Told> {
        let mailbox = self.mailbox.as_ref();
        let mailbox = mailbox.ok_or_else(|| Told::bad("log in first"))?;
        Ok(mailbox.replica.clone())
    }

    /// What is selected, and the session to answer by.
    pub(super) fn selected(&mut self) -> Result<(&mut View, &Replica, &mut Session), Told> {
        let mailbox = self.mailbox.as_mut();
        let found = mailbox.and_then(|one| one.view.as_mut().map(|view| (view, &one.replica)));
        let (view, replica) = found.ok_or_else(|| Told::bad("select a mailbox first"))?;
        Ok((view, replica, &mut self.session))
    }

    /// What a client enabled.
    pub(super) fn how(&self) -> How {
        let enabled = self.session.enabled();
        How {
            condstore: enabled.condstore,
            qresync: enabled.qresync,
            rev2: enabled.rev2,
            utf8: enabled.utf8_names(),
        }
    }

    /// The first command that has to do with MODSEQ is told how high it is (RFC 7162 §3.1).
    fn tell_modseq(&mut self, command: &Command) {
        let first = self.session.enabled().condstore && !self.knows_modseq;
        self.knows_modseq |= first;
        let view = self
            .mailbox
            .as_ref()
            .and_then(|mailbox| mailbox.view.as_ref());
        if let Some(view) = view.filter(|_| first && !matches!(command, Command::Select { .. })) {
            let code = Code::HighestModSeq(view.modseq());
            let out = self.session.out();
            answer::line(out, None, Condition::Ok, Some(&code), "from now on");
        }
    }

    /// Tells what is new in the selected folder.
    async fn news(&mut self) -> Result<(), Told> {
        self.refresh(true).await
    }

    async fn refresh(&mut self, may_expunge: bool) -> Result<(), Told> {
        let how = self.how();
        let Some(mailbox) = &mut self.mailbox else {
            return Ok(());
        };
        mailbox.changed.mark_unchanged();
        if let Some(view) = &mut mailbox.view {
            let out = self.session.out();
            view.refresh(&mailbox.replica, may_expunge, how, out)
                .await?;
        }
        Ok(())
    }

    /// Writes what there is to be written. A program that takes nothing for long is left.
    pub(super) async fn flush(&mut self) -> std::io::Result<()> {
        let octets = self.session.output().len();
        if octets > 0 {
            let written = async {
                self.stream.write_all(self.session.output()).await?;
                self.stream.flush().await
            };
            timeout(self.road.patience.write, written).await??;
            self.session.written(octets);
        }
        Ok(())
    }

    /// Waits for what another core does. A program hears a word now and then: silence is taken for a connection that is lost
    /// (docs/clients.md, R18). Where the program is gone, what was begun is done to its end.
    pub(super) async fn wait_for<T>(
        &mut self,
        mut work: JoinHandle<Result<T, StoreError>>,
    ) -> Result<T, Told> {
        loop {
            match timeout(self.road.patience.word, &mut work).await {
                Ok(done) => return Ok(done.map_err(|_| StoreError::Stopped)??),
                Err(_) => {
                    let out = self.session.out();
                    answer::line(out, None, Condition::Ok, None, "still working");
                    self.flush().await?;
                }
            }
        }
    }

    async fn close(&mut self) -> std::io::Result<()> {
        self.flush().await?;
        timeout(self.road.patience.write, self.stream.shutdown()).await?
    }

    async fn obey(&mut self, tag: &str, command: Command) -> Result<Told, Told> {
        match command {
            Command::Noop | Command::Check => Ok(Told::ok("done")),
            Command::Select {
                mailbox,
                read_only,
                condstore: _,
                qresync,
            } => self.select(&mailbox, read_only, qresync).await,
            Command::Close { expunge } => self.close_folder(expunge).await,
            Command::Create { mailbox, uses } => self.create(&mailbox, &uses).await,
            Command::Delete(mailbox) => self.delete(&mailbox).await,
            Command::Rename { from, to } => self.rename(&from, &to).await,
            Command::Subscribe(mailbox) => self.subscribe(&mailbox, true).await,
            Command::Unsubscribe(mailbox) => self.subscribe(&mailbox, false).await,
            Command::List(list) => self.list(&list).await,
            Command::Lsub { reference, pattern } => self.lsub(&reference, &pattern).await,
            Command::Status { mailbox, items } => self.status(&mailbox, &items).await,
            Command::Expunge(uids) => self.expunge(uids).await,
            Command::Search(search) => self.search(tag, &search).await,
            Command::Sort { keys, search } => self.sort(tag, &keys, &search).await,
            Command::Thread { algorithm, search } => self.thread(algorithm, &search).await,
            Command::Fetch {
                messages,
                uid,
                items,
                changed_since,
                vanished,
            } => {
                let order = super::fetch::Order {
                    uid,
                    items,
                    changed_since,
                    vanished,
                };
                self.fetch(&messages, order).await
            }
            Command::Store {
                messages,
                uid,
                change,
                flags,
                silent,
                unchanged_since,
            } => {
                let order = super::change::Order {
                    uid,
                    change,
                    silent,
                    unchanged_since,
                };
                self.store(&messages, &flags, order).await
            }
            Command::Copy {
                messages,
                uid,
                mailbox,
                and_remove,
            } => self.copy(&messages, uid, &mailbox, and_remove).await,
            _ => Ok(Told::bad("the session answers that")),
        }
    }
}

/// While these are answered no message may lose its number (RFC 9051 §7.5.1): a program that sent several of them ahead counts
/// on it.
fn may_expunge(command: &Command) -> bool {
    match command {
        Command::Fetch { uid, .. } | Command::Store { uid, .. } => *uid,
        Command::Search(search) | Command::Sort { search, .. } | Command::Thread { search, .. } => {
            search.uid
        }
        _ => true,
    }
}
