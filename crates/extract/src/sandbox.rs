//! What a child gives up before it looks at the first byte of a document.

use std::collections::BTreeMap;

use rlimit::Resource;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

/// Processor seconds of one child. Its parent replaces it long before (`pool.rs`); this ends it
/// where the parent is gone.
const CPU_SECONDS: u64 = 120;

/// Limits that hold for the process from now on. `memory` is in bytes of address space.
pub(crate) fn limit(memory: u64) -> std::io::Result<()> {
    let limits = [
        (Resource::AS, memory),
        (Resource::CPU, CPU_SECONDS),
        // A dump would be a readable copy of mail.
        (Resource::CORE, 0),
        (Resource::FSIZE, 0),
        // Standard input, output and error are open; nothing else will be.
        (Resource::NOFILE, 3),
    ];
    for (resource, most) in limits {
        resource.set(most, most)?;
    }
    Ok(())
}

/// Calls without which no program computes, allocates, answers or ends.
const ALLOWED: [i64; 26] = [
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_brk,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_getrandom,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Leaves the calling thread, and threads that it would start, no other system call: no files,
/// sockets, processes or threads. Any other answers as if this kernel had none such, which
/// libraries know how to live with.
pub(crate) fn confine() -> Result<(), seccompiler::Error> {
    let rules: BTreeMap<i64, Vec<seccompiler::SeccompRule>> =
        ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    let missing = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let filter = SeccompFilter::new(rules, missing, SeccompAction::Allow, arch)?;
    seccompiler::apply_filter(&BpfProgram::try_from(filter)?)
}

#[cfg(test)]
mod tests {
    use super::confine;

    #[test]
    fn a_confined_thread_can_only_compute() {
        let outside = std::thread::spawn(|| {
            confine().unwrap();
            let sum: u64 = vec![1u64; 1 << 20].iter().sum();
            let denied = [
                std::fs::File::open("/etc/hostname").is_err(),
                std::fs::File::create("/tmp/everpost-never").is_err(),
                std::net::TcpListener::bind("127.0.0.1:0").is_err(),
                std::net::TcpStream::connect("127.0.0.1:9").is_err(),
                std::process::Command::new("/bin/true").status().is_err(),
                std::thread::Builder::new().spawn(|| ()).is_err(),
                std::env::set_current_dir("/").is_err(),
            ];
            (sum, denied)
        });
        let (sum, denied) = outside.join().unwrap();
        assert_eq!(sum, 1 << 20);
        assert_eq!(denied, [true; 7]);
        // The other threads are as before.
        assert!(std::fs::read_dir("/").is_ok());
    }
}
