//! Where a run starts: mostly on a small journal with one book, made once; sometimes on an empty disk.

use crate::chain::Chain;
use crate::chance::Chance;
use crate::disk::{Platter, SimDisk};
use crate::life::Life;
use kernel::id::SeededIds;
use kernel::time::ManualClock;
use kernel::{Tenant, Timestamp};
use ledger::journal::job::Job;
use ledger::journal::recovery::recover;
use ledger::journal::segments::{FIRST_POSITION, Identity, segment_name};
use std::sync::{Arc, OnceLock};

/// When every run starts: 2026-01-01.
const START: Timestamp = Timestamp(1_767_225_600_000_000);
/// Sizes a first segment is cut down to, so that runs of a few kilobytes fill several.
const SIZES: [u64; 4] = [16 << 10, 24 << 10, 32 << 10, 64 << 10];

/// A world's beginnings.
pub struct Born {
    /// Its disk.
    pub disk: SimDisk,
    /// Its clock.
    pub clock: Arc<ManualClock>,
    /// Its ids.
    pub ids: Arc<SeededIds>,
    /// Frames that are there already.
    pub chain: Chain,
    /// Whose they are.
    pub identity: Identity,
}

struct Template {
    platter: Platter,
    chain: Chain,
    identity: Identity,
}

fn template() -> &'static Template {
    static TEMPLATE: OnceLock<Template> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let disk = SimDisk::new(Platter::default(), Chance::new(0, 0));
        let ids = Arc::new(SeededIds::new(0));
        let clock = Arc::new(ManualClock::new(START));
        let recovered = recover(&disk.as_dyn(), &*ids).expect("nothing goes wrong yet");
        let mut life = Life::new(&disk, recovered, clock, ids);
        let (reply, _) = tokio::sync::oneshot::channel();
        let job = Job::Book(Tenant::default(), reply);
        if let Job::Book(tenant, reply) = job {
            life.core.book(tenant, reply);
        }
        let handed = life.core.hand_over();
        let mut chain = Chain::default();
        let note = chain.note(&handed.sealed);
        chain.notes.push(note);
        life.writer.commit(&handed).expect("nothing goes wrong yet");
        Template { platter: disk.platter(), chain, identity: life.identity }
    })
}

/// The beginnings that a seed decides.
pub fn start(chance: &mut Chance, seed: u64) -> Born {
    let clock = Arc::new(ManualClock::new(Timestamp(START.0 + 1_000_000)));
    let ids = Arc::new(SeededIds::new(seed | 1 << 63));
    let disk_chance = Chance::new(seed, 2);
    if chance.one_in(24) {
        let disk = SimDisk::new(Platter::default(), disk_chance);
        let identity = Identity { journal: 0, secret: 0 };
        return Born { disk, clock, ids, chain: Chain::default(), identity };
    }
    let template = template();
    let disk = SimDisk::new(template.platter.clone(), disk_chance);
    let size = *chance.pick(&SIZES);
    disk.meddle(&segment_name(FIRST_POSITION), |file| {
        file.resize(size);
        file.set_right();
    });
    Born { disk, clock, ids, chain: template.chain.clone(), identity: template.identity }
}
