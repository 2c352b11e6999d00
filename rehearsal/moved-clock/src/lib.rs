//! Preloaded into a process (`LD_PRELOAD`), moves its time of day to that of the local AWS.
//!
//! The first eight bytes of the file that `CLOCK_FILE` names say how many nanoseconds the local AWS is ahead, as a signed little-endian integer.
//! Only the time of day is moved, so that the process's time-outs stay what they are. The functions that a rehearsal runs are therefore the very
//! binaries that are deployed, and an hour passes for them when it passes for the local AWS.

use std::ffi::c_int;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::OnceLock;

const NANOSECONDS: i64 = 1_000_000_000;

/// How many nanoseconds the local AWS is ahead; none if it does not say.
fn ahead() -> i64 {
    static FILE: OnceLock<Option<File>> = OnceLock::new();
    let file = FILE.get_or_init(|| File::open(std::env::var_os("CLOCK_FILE")?).ok());
    let mut bytes = [0; 8];
    match file.as_ref().map(|file| file.read_exact_at(&mut bytes, 0)) {
        Some(Ok(())) => i64::from_le_bytes(bytes),
        _ => 0,
    }
}

/// A moment, later by so many nanoseconds.
fn moved(time: libc::timespec, nanoseconds: i64) -> libc::timespec {
    let sum = time.tv_nsec + nanoseconds;
    libc::timespec { tv_sec: time.tv_sec + sum.div_euclid(NANOSECONDS), tv_nsec: sum.rem_euclid(NANOSECONDS) }
}

/// Takes the place of the C library's.
///
/// # Safety
///
/// As the C library's: `time` must be null or point to a `timespec` that can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: libc::clockid_t, time: *mut libc::timespec) -> c_int {
    // SAFETY: the system call takes these arguments, and checks the pointer itself.
    let result = unsafe { libc::syscall(libc::SYS_clock_gettime, libc::c_long::from(clock), time) };
    if result == 0 && clock == libc::CLOCK_REALTIME {
        // SAFETY: the system call has just written to where it points.
        unsafe { *time = moved(*time, ahead()) };
    }
    -c_int::from(result != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nanoseconds_are_carried() {
        let time = libc::timespec { tv_sec: 10, tv_nsec: 900_000_000 };
        let later = moved(time, 3_200_000_000);
        assert_eq!((later.tv_sec, later.tv_nsec), (14, 100_000_000));
        let earlier = moved(time, -1_000_000_000);
        assert_eq!((earlier.tv_sec, earlier.tv_nsec), (9, 900_000_000));
    }
}
