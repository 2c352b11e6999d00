//! Why what lies outside AWS could not be started.

use std::path::PathBuf;
use std::process::ExitStatus;

/// Why what lies outside AWS could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutsideError {
    /// There is no temporary folder.
    #[error("cannot use a temporary folder")]
    Folder(#[source] std::io::Error),
    /// No port of the loopback address could be bound.
    #[error("cannot listen on 127.0.0.1")]
    Listen(#[source] std::io::Error),
    /// The trial of the servers could not be started.
    #[error("cannot start instance/trial/run")]
    StartMachines(#[source] std::io::Error),
    /// The trial says that this machine is none for it; it has said why on standard error.
    #[error("real servers cannot be tried on this machine; why is above")]
    NoMachinesHere,
    /// The trial failed; it has said why on standard error.
    #[error("instance/trial/run gives no servers ({0}); its messages are above")]
    Machines(ExitStatus),
    /// The certificate authority could not be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// A certificate could not be used.
    #[error("cannot use a certificate")]
    Tls(#[from] tokio_rustls::rustls::Error),
    /// Cargo could not be started.
    #[error("cannot start {}", cargo.display())]
    StartCargo {
        /// The command.
        cargo: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The clock did not build; cargo has said why on standard error.
    #[error("cargo build of the clock for the functions failed ({0}); its messages are above")]
    Clock(ExitStatus),
    /// Cargo reported no library.
    #[error("cargo built no library `moved_clock`")]
    NoLibrary,
}
