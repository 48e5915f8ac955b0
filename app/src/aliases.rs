//! Variables of the systems that Concord replaces, and what each now means. The only place that knows them.
//! A variable that says where money or truth lives is refused while this build cannot follow it: starting as if it
//! were not set would keep the books in another place than its owner believes. Values are never printed, since they
//! may hold passwords. An empty variable counts as not set.

use crate::config::{Environment, Fault};

/// What such a variable does in this build.
enum Meaning {
    /// Its value is the port of `server.listen`; the address stays.
    Port,
    /// It cannot be followed, and ignoring it would mislead.
    Refused(&'static str),
    /// It is not needed; saying so is enough.
    Noticed(&'static str),
}

const ALIASES: [(&str, Meaning); 6] = [
    ("PORT", Meaning::Port),
    (
        "DATABASE_URL",
        Meaning::Refused("this build keeps everything in --data-dir and has no PostgreSQL store yet"),
    ),
    ("LEDGER_URL", Meaning::Refused("this build has its ledger inside and cannot post to another one yet")),
    (
        "KAFKA_BROKERS",
        Meaning::Noticed(
            "this build has no Kafka relay yet; every posting stays readable in the journal's feed",
        ),
    ),
    (
        "KAFKA_TOPIC",
        Meaning::Noticed(
            "this build has no Kafka relay yet; every posting stays readable in the journal's feed",
        ),
    ),
    ("REDIS_URL", Meaning::Noticed("nothing here needs Redis")),
];

/// What the variables came to.
#[derive(Debug, Default)]
pub struct Aliased {
    /// The port that `PORT` asks for.
    pub port: Option<u16>,
    /// What to tell the operator.
    pub notices: Vec<String>,
    /// Why not to start.
    pub faults: Vec<Fault>,
}

/// Reads the variables of the systems that Concord replaces.
pub fn read(environment: &Environment) -> Aliased {
    let mut aliased = Aliased::default();
    for (name, meaning) in &ALIASES {
        let Some(value) = environment.get(name).filter(|value| !value.is_empty()) else { continue };
        match meaning {
            Meaning::Port => match value.parse() {
                Ok(port) => aliased.port = Some(port),
                Err(_) => aliased.faults.push(Fault::alias(name, "must be a port: a number from 0 to 65535")),
            },
            Meaning::Refused(why) => {
                let remedy = format!("{why}; unset it, for one command with `env -u {name} concord …`");
                aliased.faults.push(Fault::alias(name, &remedy));
            }
            Meaning::Noticed(what) => {
                aliased.notices.push(format!("{name} is set and has no effect: {what}"))
            }
        }
    }
    aliased
}
