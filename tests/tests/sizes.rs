//! What the functions weigh, and on what they can run. Budgets are checks.

use std::{collections::BTreeSet, fs};

use object::{
    Endianness,
    elf::{self, FileHeader64},
    read::elf::{Dyn, FileHeader},
};
use tests::bootstraps;

/// The most bytes of a zipped function; a small one has less to do.
const MOST: u64 = 3_500_000;
const MOST_OF_SMALL: u64 = 2_000_000;
const SMALL: &[&str] = &["last-resort"];

/// The glibc of Amazon Linux 2023, on which Lambda runs the functions.
const GLIBC: (u32, u32) = (2, 34);

#[tokio::test]
async fn functions_are_small_and_run_on_lambda() {
    for (name, bootstrap) in bootstraps().await {
        let binary = fs::read(&bootstrap.binary).expect("a binary");
        let needs = Needs::of(&binary);
        println!(
            "{name}: {} bytes, zipped {}, needs glibc {}.{}, {}",
            bootstrap.binary_bytes,
            bootstrap.archive_bytes,
            needs.glibc.0,
            needs.glibc.1,
            needs.libraries.iter().cloned().collect::<Vec<_>>().join(" ")
        );
        let most = if SMALL.contains(&name.as_str()) { MOST_OF_SMALL } else { MOST };
        assert!(
            bootstrap.archive_bytes <= most,
            "{name} has {} bytes zipped, more than {most}",
            bootstrap.archive_bytes
        );
        assert!(needs.glibc <= GLIBC, "{name} needs glibc {:?}", needs.glibc);
        assert!(!needs.has_search_path, "{name} looks for libraries where it was built");
        for library in &needs.libraries {
            let base = ["libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"];
            assert!(base.contains(&library.as_str()), "{name} needs {library}, which Lambda need not have");
        }
    }
}

/// What a binary needs of the system.
#[derive(Debug, Default)]
struct Needs {
    glibc: (u32, u32),
    libraries: BTreeSet<String>,
    has_search_path: bool,
}

impl Needs {
    fn of(binary: &[u8]) -> Self {
        let header = FileHeader64::<Endianness>::parse(binary).expect("an ELF file of 64 bits");
        let endian = header.endian().expect("a byte order");
        let sections = header.sections(endian, binary).expect("sections");
        let mut needs = Self::default();

        let (mut dependencies, strings) = sections.gnu_verneed(endian, binary).expect("versions").map_or_else(
            || panic!("the binary needs no version of any library: is it linked statically?"),
            |(dependencies, section)| (dependencies, sections.strings(endian, binary, section).expect("strings")),
        );
        while let Some((_, mut versions)) = dependencies.next().expect("a library") {
            while let Some(version) = versions.next().expect("a version") {
                let name = version.name(endian, strings).expect("its name");
                let number = std::str::from_utf8(name).ok().and_then(|name| name.strip_prefix("GLIBC_"));
                if let Some((major, minor)) = number.and_then(|number| number.split_once('.')) {
                    let minor = minor.split('.').next().unwrap_or(minor);
                    needs.glibc = needs.glibc.max((major.parse().expect("a number"), minor.parse().expect("a number")));
                }
            }
        }

        let (entries, section) =
            sections.dynamic(endian, binary).expect("a dynamic section").expect("a dynamic binary");
        let strings = sections.strings(endian, binary, section).expect("strings");
        for entry in entries {
            match entry.d_tag(endian) {
                elf::DT_NEEDED => {
                    let name = entry.string(endian, strings).expect("a library's name");
                    needs.libraries.insert(String::from_utf8_lossy(name).into_owned());
                }
                elf::DT_RUNPATH | elf::DT_RPATH => needs.has_search_path = true,
                _ => {}
            }
        }
        needs
    }
}
