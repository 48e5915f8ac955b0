//! The engine as contexts' writers see it, driven by the same thread.

use super::world::Mutant;
use crate::life::Life;
use kernel::Problem;
use ledger::books::model::BookNo;
use ledger::command::Request;
use ledger::journal::unit::{Decided, Fact, UnitDone, UnitReply};
use ledger::units::{redo_from, told, unit_job};
use parking_lot::Mutex;
use platform_store::books::{Books, Deciding, Place, Poisoned, Redo, Verdict};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The books of one life.
#[derive(Clone)]
pub struct SimBooks {
    /// The engine.
    pub life: Arc<Mutex<Life>>,
    /// How it is broken.
    pub mutant: Mutant,
    /// Up to where each file has everything for good.
    synced: Arc<Mutex<BTreeMap<&'static str, u64>>>,
    /// The redo of the unit before, for a mutant.
    before: Arc<Mutex<Vec<u8>>>,
}

impl SimBooks {
    /// Over this engine.
    pub fn new(life: Life, mutant: Mutant) -> Self {
        Self { life: Arc::new(Mutex::new(life)), mutant, synced: Arc::default(), before: Arc::default() }
    }
}

impl SimBooks {
    /// The keeper destroys the redo of a segment if it may; whether it did.
    pub fn destroy_redo(&self) -> io::Result<bool> {
        let synced = self.synced.lock().clone();
        let early = self.mutant == Mutant::DestroysEarly;
        let upto = |context: &str| match early {
            true => u64::MAX,
            false => synced.get(context).copied().unwrap_or(0),
        };
        self.life.lock().keeper.destroy_redo(0, &upto)
    }
}

impl Books for SimBooks {
    type Command = Request;
    type Fact = Fact;
    type Done = UnitDone;

    fn decide(&self, mut unit: Deciding<Self>) -> (Verdict, u64) {
        if self.mutant == Mutant::ForeignRedo
            && let Some(own) = unit.redo.clone()
        {
            let mut before = self.before.lock();
            // The images behind the head of the one before.
            let extra = before.get(12..).map(<[u8]>::to_vec).unwrap_or_default();
            unit.redo = Some([own.as_slice(), &extra].concat());
            *before = own;
        }
        let mut job = unit_job(BookNo(0), unit);
        let (reply, mut answer) = oneshot::channel();
        job.reply = Some(UnitReply::Now(reply));
        self.life.lock().core.unit(job);
        let Decided { verdict, upto } = answer.try_recv().expect("the sequencer answers at once");
        (told(verdict), upto)
    }

    fn settle(&self, upto: u64) -> Result<Place, Poisoned> {
        let durable = self.life.lock().view.durable();
        match durable.end > upto {
            true => Ok(Place { position: durable.end, hash: durable.hash }),
            false => Err(Poisoned),
        }
    }

    fn release(&self, context: &'static str) {
        self.life.lock().view.release(context);
    }

    fn synced(&self, context: &'static str, position: u64) {
        self.synced.lock().insert(context, position);
    }

    fn lacks_room(&self) -> Option<Problem> {
        None
    }

    fn durable(&self) -> Place {
        let durable = self.life.lock().view.durable();
        Place { position: durable.end, hash: durable.hash }
    }

    fn identity(&self) -> u128 {
        self.life.lock().identity.journal
    }

    fn redo(
        &self,
        context: &str,
        from: Place,
        take: &mut dyn FnMut(Redo) -> Result<(), String>,
    ) -> Result<Place, String> {
        let segments = self.life.lock().segments.clone();
        let mutant = self.mutant;
        let mut take = |redo: Redo| match (mutant, redo.position < from.position) {
            (Mutant::RedoesNothing, _) => Ok(()),
            // A cursor that lies between two frames never meets a unit behind it.
            (_, true) => Err("redo shows what lies before the cursor".to_owned()),
            (_, false) => take(redo),
        };
        redo_from(&segments, self.durable(), context, from, &mut take).map_err(|fault| fault.to_string())
    }
}
