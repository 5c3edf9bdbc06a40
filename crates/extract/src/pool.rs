//! The parent's side: children that read documents, replaced when they die, hang or talk
//! nonsense.

use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::protocol::{GREETING, LARGEST_ANSWER, LARGEST_JOB, decode_answer, encode_job, prefix};
use crate::{Extraction, Gap, Item};

/// Whoever turns a document into text.
pub trait Extract: Sync {
    /// The text of a document. An error says that none can be read at all just now.
    fn extract(&self, item: Item<'_>)
    -> impl Future<Output = Result<Extraction, PoolError>> + Send;
}

/// Why no document can be read.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The child's program cannot be started.
    #[error("the reader of attachments cannot be started: {0}")]
    Start(std::io::Error),
    /// It ends before it is ready: the system refuses the limits that it asks for.
    #[error("the reader of attachments refuses to work on this system")]
    Refused,
}

/// How children are run.
#[derive(Debug, Clone)]
pub struct PoolOptions {
    /// The program; its standard input and output are the protocol's.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Children side by side.
    pub children: usize,
    /// A document that takes longer is given up.
    pub time: Duration,
}

impl PoolOptions {
    /// The usual way to run children of `program`.
    pub fn new(program: PathBuf) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        PoolOptions {
            program,
            arguments: vec!["extract-worker".into()],
            // Each may take a gigabyte.
            children: cores.clamp(1, 4),
            time: Duration::from_secs(30),
        }
    }
}

/// A child that was busy for so long altogether is replaced: memory that its parsers lost is
/// given back, and its limit of processor time stays far away.
const RETIRE: Duration = Duration::from_secs(20);

/// Children, started when they are needed.
pub struct Pool {
    options: PoolOptions,
    idle: Mutex<Vec<Running>>,
    places: Semaphore,
}

/// A child that waits for a document.
struct Running {
    /// Killed when it is dropped.
    _child: Child,
    input: ChildStdin,
    output: ChildStdout,
    busy: Duration,
}

/// What a child did with a document.
enum Tried {
    Answered(Extraction),
    Died,
    Late,
}

impl Pool {
    /// A pool without a child yet.
    pub fn new(options: PoolOptions) -> Self {
        Pool {
            places: Semaphore::new(options.children.max(1)),
            idle: Mutex::default(),
            options,
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Running>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn child(&self) -> Result<Running, PoolError> {
        let waiting = self.idle().pop();
        if let Some(running) = waiting {
            return Ok(running);
        }
        let mut child = Command::new(&self.options.program)
            .args(&self.options.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // What a parser complains of quotes the document.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(PoolError::Start)?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(PoolError::Refused);
        };
        let mut running = Running {
            _child: child,
            input,
            output,
            busy: Duration::ZERO,
        };
        match timeout(self.options.time, running.hear(GREETING.len())).await {
            Ok(Some(greeting)) if greeting == GREETING => Ok(running),
            _ => Err(PoolError::Refused),
        }
    }

    async fn attempt(&self, item: &Item<'_>) -> Result<Tried, PoolError> {
        let mut running = self.child().await?;
        let started = Instant::now();
        let asked = timeout(self.options.time, running.ask(item)).await;
        running.busy += started.elapsed();
        // Unless it is put back, it is killed here.
        Ok(match asked {
            Ok(Some(extraction)) => {
                if running.busy < RETIRE {
                    self.idle().push(running);
                }
                Tried::Answered(extraction)
            }
            Ok(None) => Tried::Died,
            Err(_) => Tried::Late,
        })
    }
}

impl Extract for Pool {
    async fn extract(&self, item: Item<'_>) -> Result<Extraction, PoolError> {
        let given_up = |gap| Extraction {
            text: String::new(),
            gap: Some(gap),
        };
        if item.bytes.len() > LARGEST_JOB {
            return Ok(given_up(Gap::TooLarge));
        }
        // Never closed, so this never fails.
        let _place = self
            .places
            .acquire()
            .await
            .map_err(|_| PoolError::Refused)?;
        // A child may die of what an earlier document left behind; twice is no accident.
        for _ in 0..2 {
            match self.attempt(&item).await? {
                Tried::Answered(extraction) => return Ok(extraction),
                Tried::Late => return Ok(given_up(Gap::TimedOut)),
                Tried::Died => {}
            }
        }
        Ok(given_up(Gap::Crashed))
    }
}

impl Running {
    /// `None` if it died or said something that is no answer.
    async fn ask(&mut self, item: &Item<'_>) -> Option<Extraction> {
        // The document itself is not copied.
        let head = encode_job(&Item {
            bytes: &[],
            ..*item
        });
        let length = head.len().checked_add(item.bytes.len())?;
        for bytes in [prefix(length)?.as_slice(), head.as_slice(), item.bytes] {
            self.input.write_all(bytes).await.ok()?;
        }
        self.input.flush().await.ok()?;
        decode_answer(&self.hear(LARGEST_ANSWER).await?)
    }

    /// The next frame, if it is not larger than `largest`.
    async fn hear(&mut self, largest: usize) -> Option<Vec<u8>> {
        let length = self.output.read_u32_le().await.ok()?;
        let length = usize::try_from(length)
            .ok()
            .filter(|length| *length <= largest)?;
        let mut bytes = vec![0; length];
        self.output.read_exact(&mut bytes).await.ok()?;
        Some(bytes)
    }
}
