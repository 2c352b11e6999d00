//! `benchmarks`: what the functions cost, measured on their real bootstraps as Lambda runs them.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`cold_starts`] | cold starts, beside Python that does the same |
//! | [`ticks`] | the pool's tick over thousands of servers |
//! | [`case`], [`pool`] | what is asked, what AWS and the servers answer, and what must come of it |
//! | [`life`], [`runtime_api`], [`processor`] | one process under Lambda's Runtime API with Lambda's share of the processor |
//! | [`workshop`], [`authority`], [`endpoint`], [`python`] | what is needed before |
//! | [`statistics`], [`table`], [`page`] | medians, tables, and the page they are put into |
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod authority;
mod case;
mod cold_starts;
mod endpoint;
mod life;
mod page;
mod pool;
mod processor;
mod python;
mod runtime_api;
mod statistics;
mod table;
mod ticks;
mod workshop;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;

use workshop::Workshop;

/// Measures what the functions cost. Everything listens on 127.0.0.1 and ends with the command.
#[derive(Debug, Parser)]
#[command(name = "benchmarks")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Cold starts of every function beside Python that does the same, and how they go with memory.
    ///
    /// Fetches awslambdaric and boto3 from `PyPI`, pinned, into target/benchmarks. Limiting the processor needs root.
    ColdStarts {
        /// How often each is started in each mode.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
        runs: u16,
        /// Only these functions, by the names of their crates; all by default.
        #[arg(long = "function", value_name = "NAME")]
        functions: Vec<String>,
        /// Without Python.
        #[arg(long)]
        without_python: bool,
        #[command(flatten)]
        output: Output,
    },
    /// The pool's tick over thousands of servers, one in a hundred dead.
    Ticks {
        /// How often each size is run: servers that hang take their time.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
        runs: u16,
        /// The sizes of the pool.
        #[arg(long, value_delimiter = ',', default_value = "10,100,1000,3000")]
        servers: Vec<u16>,
        #[command(flatten)]
        output: Output,
    },
}

/// Where the figures go.
#[derive(Debug, Clone, Args)]
struct Output {
    /// How they are printed.
    #[arg(long, value_enum, default_value_t = Format::Markdown)]
    output: Format,
    /// Also puts the tables into this page, in place of those from before: docs/performance.md.
    #[arg(long, value_name = "PAGE")]
    write: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Markdown,
    Json,
}

impl Output {
    fn show(&self, name: &str, page: &str, figures: &impl Serialize) -> Result<()> {
        match self.output {
            Format::Markdown => println!("{page}"),
            Format::Json => println!("{}", serde_json::to_string_pretty(figures)?),
        }
        self.write.as_ref().map_or(Ok(()), |path| page::write(path, name, page))
    }
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::ColdStarts { runs, functions, without_python, output } => {
            let wanted = cold_starts::Wanted { runs: runs.into(), functions, beside_python: !without_python };
            let measured = cold_starts::measure(&Workshop::open()?, &wanted)?;
            output.show("cold-starts", &measured.page(), &measured)
        }
        Command::Ticks { runs, servers, output } => {
            let servers = servers.into_iter().map(usize::from).collect();
            let measured = ticks::measure(&Workshop::open()?, &ticks::Wanted { runs: runs.into(), servers })?;
            output.show("ticks", &measured.page(), &measured)
        }
    }
}
