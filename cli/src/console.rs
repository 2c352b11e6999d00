//! What is said on the way: on standard error, and in the log.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sdk_cloudformation::primitives::{DateTime, DateTimeFormat};

use crate::global::Global;
use crate::style::{self, Style};

/// Nobody but its owner reads the log.
const LOG_MODE: u32 = 0o600;

/// Says things on standard error and writes them into the log. Nothing secret is ever said.
#[derive(Debug)]
pub(crate) struct Console {
    pub(crate) style: Style,
    log_path: Option<PathBuf>,
    /// Opened when the first line is written; `None` if it cannot be.
    log: OnceLock<Option<Mutex<File>>>,
    /// What the user is to know if the command is interrupted now.
    if_interrupted: Mutex<Option<String>>,
    /// What holds from now on, whatever the command does next.
    whenever_interrupted: Mutex<Option<String>>,
}

impl Console {
    /// With the log that the options ask for.
    pub(crate) fn new(global: &Global) -> Self {
        Self {
            style: style::on_stderr(),
            log_path: global.log_file.clone().or_else(default_log),
            log: OnceLock::new(),
            if_interrupted: Mutex::new(None),
            whenever_interrupted: Mutex::new(None),
        }
    }

    /// Where the log is.
    pub(crate) fn log_path(&self) -> Option<&Path> {
        let is_open = matches!(self.log.get(), Some(Some(_)));
        self.log_path.as_deref().filter(|_| is_open)
    }

    /// Says a line, painted or not.
    pub(crate) fn line(&self, text: &str) {
        eprintln!("{text}");
        self.log(text);
    }

    /// Says what is being done now.
    pub(crate) fn step(&self, text: &str) {
        self.line(&format!("{} {text}", self.style.faint("..")));
    }

    /// Says what was done.
    pub(crate) fn done(&self, text: &str) {
        self.line(&format!("{} {text}", self.style.good("ok")));
    }

    /// Says what the user should know, and what does not keep the command from its work.
    pub(crate) fn warn(&self, text: &str) {
        self.line(&format!("{} {text}", self.style.warning("warning:")));
    }

    /// Says what went wrong.
    pub(crate) fn error(&self, text: &str) {
        self.line(&format!("{} {text}", self.style.bad("error:")));
    }

    /// Writes a line into the log alone.
    pub(crate) fn log(&self, text: &str) {
        if let Some(file) = self.log.get_or_init(|| self.open()) {
            let line = format!("{} {}\n", now(), style::plain_text(text));
            // A full disk must not end a deployment.
            let _nobody_to_tell = file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes());
        }
    }

    /// Opens the log. One that cannot be written is said and done without.
    fn open(&self) -> Option<Mutex<File>> {
        let path = self.log_path.as_ref()?;
        match open_private(path) {
            Ok(file) => Some(Mutex::new(file)),
            Err(error) => {
                let warning = self.style.warning("warning:");
                eprintln!("{warning} no log is written: {}: {error}", path.display());
                None
            }
        }
    }

    /// What to say if the command is interrupted from now on.
    pub(crate) fn if_interrupted(&self, text: Option<String>) {
        *self.if_interrupted.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// What the user has to know from now on, however the command is interrupted.
    pub(crate) fn whenever_interrupted(&self, text: Option<String>) {
        *self.whenever_interrupted.lock().unwrap_or_else(PoisonError::into_inner) = text;
    }

    /// Says that the command was interrupted, by what, and what goes on without it.
    pub(crate) fn interrupted(&self, by: &str) {
        self.line(&format!("{} by {by}", self.style.bad("interrupted")));
        self.say_what_goes_on();
    }

    /// Says what goes on without the command, now that it ends before its time.
    pub(crate) fn say_what_goes_on(&self) {
        for text in [&self.if_interrupted, &self.whenever_interrupted] {
            if let Some(text) = text.lock().unwrap_or_else(PoisonError::into_inner).take() {
                self.line(&text);
            }
        }
    }
}

/// Where the log is by default: the state of users' programs, by the XDG base directory specification.
fn default_log() -> Option<PathBuf> {
    let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("bbb/bbb.log"))
}

/// The time to the second, as in RFC 3339.
fn now() -> String {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let second = SystemTime::UNIX_EPOCH + Duration::from_secs(since_1970.as_secs());
    DateTime::from(second).fmt(DateTimeFormat::DateTime).unwrap_or_default()
}

/// Opens a file to write at its end that only its owner may read, also if it was there before.
fn open_private(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new().create(true).append(true).mode(LOG_MODE).open(path)?;
    if file.metadata()?.is_file() {
        file.set_permissions(std::fs::Permissions::from_mode(LOG_MODE))?;
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_is_its_owners_alone_and_plain() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/bbb.log");
        let global = Global { log_file: Some(path.clone()), ..Global::default() };
        Console::new(&global).log("\u{1b}[32mok\u{1b}[0m first");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("permissions");
        Console::new(&global).log("second");
        let mode = std::fs::metadata(&path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, LOG_MODE);
        let text = std::fs::read_to_string(&path).expect("text");
        let words: Vec<&str> = text.lines().map(|line| line.split_once(' ').expect("a time and a text").1).collect();
        assert_eq!(words, ["ok first", "second"]);
    }
}
