//! What differs between operating systems, in one place. Only Linux has been run.

pub(crate) mod keyring;

use std::time::Duration;

pub use feedwatch_store::sync_name;

/// CPU time used by this process so far, in seconds, over all threads.
pub fn cpu_seconds() -> Option<f64> {
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        Some(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
    }
    #[cfg(not(unix))]
    {
        None
    }
}

/// The time on a clock that nobody can set, and whether it goes on while the computer sleeps.
pub(crate) fn unset_clock() -> (Duration, bool) {
    #[cfg(target_os = "linux")]
    {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let secs = u64::try_from(time.tv_sec).unwrap_or_default();
        (Duration::new(secs, u32::try_from(time.tv_nsec).unwrap_or_default()), true)
    }
    #[cfg(not(target_os = "linux"))]
    {
        use std::sync::OnceLock;
        static START: OnceLock<std::time::Instant> = OnceLock::new();
        (START.get_or_init(std::time::Instant::now).elapsed(), false)
    }
}

/// What tells this computer from others, and stays.
pub fn machine_id() -> Option<String> {
    #[cfg(target_os = "linux")]
    {
        let text = std::fs::read_to_string("/etc/machine-id").ok()?;
        Some(text.trim().to_owned()).filter(|id| !id.is_empty())
    }
    #[cfg(not(target_os = "linux"))]
    {
        None
    }
}

/// Resident memory of this process, in bytes.
pub fn resident_bytes() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let text = std::fs::read_to_string("/proc/self/statm").ok()?;
        let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
        Some(pages * rustix::param::page_size() as u64)
    }
    #[cfg(not(target_os = "linux"))]
    {
        None
    }
}

/// A program that is about to be started can be ended with all that it starts: see [`end_group`].
pub(crate) fn lead_a_group(command: &mut tokio::process::Command) {
    #[cfg(unix)]
    {
        command.process_group(0);
    }
    #[cfg(not(unix))]
    {
        let _ = command;
    }
}

/// Ends a program that leads a group, and everything it has started. It must not have been waited for, so that its number is
/// still its own. Where there are no groups (Windows) nothing happens: whoever started it ends it alone.
pub(crate) fn end_group(leader: u32) {
    #[cfg(unix)]
    if let Some(leader) = i32::try_from(leader).ok().and_then(rustix::process::Pid::from_raw) {
        // A group that is gone already needs no end.
        let _ = rustix::process::kill_process_group(leader, rustix::process::Signal::KILL);
    }
    #[cfg(not(unix))]
    {
        let _ = leader;
    }
}
