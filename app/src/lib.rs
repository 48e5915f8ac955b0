//! The one program: configuration, wiring of the contexts, command line.
//! No rule of any context lives here.

mod admin;
mod agree;
mod aliases;
mod backup;
pub mod bench;
mod books;
pub mod cli;
mod client;
pub mod config;
pub mod data_dir;
mod demo;
mod export;
mod import;
mod metrics;
mod output;
mod page;
mod problems;
mod progress;
mod serve;
mod trial;
mod verify;
pub mod wiring;

pub use output::Failure;

use bench::BenchCommand;
use clap::Parser as _;
use cli::{AdminCommand, Cli, ClockCommand, Command, LedgerCommand};
use config::{Config, Environment};
use output::{Output, Printed};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs a command line. Exit codes: 0 done, 1 failed, 2 used wrongly (flags, configuration).
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(answer) => {
            // Help and version are answers, not mistakes; a closed pipe is nobody's.
            let _ = answer.print();
            return if answer.use_stderr() { ExitCode::from(output::USAGE) } else { ExitCode::SUCCESS };
        }
    };
    let output = Output { json: cli.json };
    match dispatch(cli, Environment::new(variables), output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.exit_code())
        }
    }
}

fn dispatch(cli: Cli, environment: Environment, output: Output) -> Result<(), Failure> {
    let loaded = |flags: Vec<(&'static str, String)>| {
        let mut flags = flags;
        flags.extend(cli.place.data_dir.iter().map(|dir| ("data.dir", dir.display().to_string())));
        config::load(cli.place.config.as_deref(), &environment, &flags)
    };
    let load = |flags| -> Result<Config, Failure> {
        let loaded = loaded(flags)?;
        loaded.notices.iter().for_each(|notice| output.aside(notice));
        Ok(loaded.config)
    };
    match cli.command {
        Command::Serve(flags) => {
            wiring::check_contexts(&flags.contexts)?;
            serve::run(loaded(flags.server.settings())?, output)
        }
        Command::Openapi => {
            let document = wiring::openapi();
            output.answer(Printed { text: format!("{document:#}\n"), json: document })
        }
        Command::Config(flags) => config::show(&load(flags.settings())?, output),
        Command::Ledger { command: LedgerCommand::Verify } => verify::run(&load(Vec::new())?, output),
        Command::Ledger { command: LedgerCommand::TrialBalance(flags) } => {
            blocking(trial::run(flags, &load(Vec::new())?, &environment, output))
        }
        Command::Ledger { command: LedgerCommand::Export(flags) } => {
            blocking(export::run(flags, &load(Vec::new())?, output))
        }
        Command::Ledger { command: LedgerCommand::Import(flags) } => {
            blocking(import::run(flags, &load(Vec::new())?, output))
        }
        Command::Admin { command: AdminCommand::Clock { command } } => {
            let ClockCommand::Confirm { server, reason } = command;
            blocking(admin::confirm_clock(&server, &reason, &environment, output))
        }
        Command::Admin { command: AdminCommand::Keys { command } } => {
            blocking(admin::keys(command, &load(Vec::new())?, output))
        }
        Command::Backup { directory } => blocking(backup::take(&load(Vec::new())?, &directory, output)),
        Command::Bench { command: BenchCommand::Ledger(flags) } => {
            bench::ledger(&flags, cli.place.data_dir.as_deref(), output)
        }
        Command::Bench { command: BenchCommand::NullServer { bytes_each, listen } } => {
            bench::null_server(bytes_each, &load(vec![("server.listen", listen)])?, output)
        }
        Command::Bench { command: BenchCommand::BareServer { listen } } => bench::bare_server(listen, output),
        Command::Verify { scratch } => {
            blocking(agree::verify(&load(Vec::new())?, scratch.as_deref(), output))
        }
        Command::Demo(flags) => blocking(demo::run(&flags, &environment, output)),
        Command::Migrate => agree::migrate(&load(Vec::new())?, output),
        Command::Restore { backup } => {
            let to: PathBuf = load(Vec::new())?.data.dir;
            backup::restore(&backup, &to, output)
        }
    }
}

/// Runs a short command: one thread is enough.
fn blocking(command: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Failure::io("starting the runtime", source))?;
    runtime.block_on(command)
}
