//! The child's side: give up every right, then read documents until the input ends.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::protocol::{GREETING, LARGEST_JOB, decode_job, encode_answer, read_frame, write_frame};
use crate::{Extraction, Gap, Limits, extract, sandbox};

/// Why a child cannot work.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The system does not let it limit itself; unlimited it must not read anything.
    #[error("this system refuses the limits under which documents are read: {0}")]
    Limits(#[from] std::io::Error),
    /// The system has no filter of system calls.
    #[error("this system refuses the filter under which documents are read: {0}")]
    Filter(#[from] seccompiler::Error),
}

/// Reads documents from standard input and writes texts to standard output, until the input
/// ends. Call it in a process that does nothing else and has no other thread. `memory` is the
/// most address space it takes, in bytes.
pub fn work(memory: u64) -> Result<(), WorkerError> {
    // A panic's message quotes what it fell over, which may be mail.
    std::panic::set_hook(Box::new(|_| {}));
    sandbox::limit(memory)?;
    sandbox::confine()?;
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    write_frame(&mut output, GREETING)?;
    let limits = Limits::default();
    while let Some(job) = read_frame(&mut input, LARGEST_JOB + (64 << 10))? {
        let Some(item) = decode_job(&job) else {
            break;
        };
        let read = catch_unwind(AssertUnwindSafe(|| extract(&item, &limits)));
        let answer = read.unwrap_or_else(|_| Extraction {
            text: String::new(),
            gap: Some(Gap::Crashed),
        });
        write_frame(&mut output, &encode_answer(&answer))?;
    }
    Ok(())
}
