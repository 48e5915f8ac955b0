//! The core between two of the sequencer's rounds: while it sleeps, a writer of rows may take the core and have a unit
//! decided on its own thread. Waking another thread for each decision costs more than the decision, and on a busy
//! machine each of the two waits in turn for a processor.
//!
//! Whoever has the core has it alone: it is moved, not shared. One that is lost in a panic never comes back.

use super::core::Core;
use parking_lot::{Condvar, Mutex};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

/// How often the sequencer looks whether a core that does not come back is lost.
const LOOK: Duration = Duration::from_millis(20);

/// Where the core lies while nobody has it.
#[derive(Default)]
pub(super) struct Slot {
    place: Mutex<Place>,
    back: Condvar,
}

#[derive(Default)]
struct Place {
    core: Option<Box<Core>>,
    /// The sequencer waits for it: nobody else takes it before.
    wanted: bool,
    /// Nobody wants it any more: what is given back is dropped, and with it whoever waits for its group.
    ended: bool,
}

impl Slot {
    /// The core, if nobody has it or waits for it.
    pub fn take(&self) -> Option<Box<Core>> {
        let mut place = self.place.lock();
        if place.wanted { None } else { place.core.take() }
    }

    /// Gives it back.
    pub fn put(&self, core: Box<Core>) {
        let mut place = self.place.lock();
        if place.ended {
            drop(place);
            drop(core);
            return;
        }
        place.core = Some(core);
        self.back.notify_one();
    }

    /// Waits for it. `None` if `is_lost` says so before it comes: then nobody will ever want it again.
    fn await_core(&self, is_lost: impl Fn() -> bool) -> Option<Box<Core>> {
        let mut place = self.place.lock();
        place.wanted = true;
        while place.core.is_none() && !is_lost() {
            self.back.wait_for(&mut place, LOOK);
        }
        place.wanted = false;
        let core = place.core.take();
        place.ended = core.is_none();
        core
    }
}

/// The core as the sequencer has it while it is awake.
pub(super) struct Held(Option<Box<Core>>);

impl Held {
    pub fn new(core: Core) -> Self {
        Self(Some(Box::new(core)))
    }

    /// Lets others have it.
    pub fn lend(&mut self, slot: &Slot) {
        if let Some(core) = self.0.take() {
            slot.put(core);
        }
    }

    /// Has it back; false if it is lost.
    pub fn take_back(&mut self, slot: &Slot, is_lost: impl Fn() -> bool) -> bool {
        if self.0.is_none() {
            self.0 = slot.await_core(is_lost);
        }
        self.0.is_some()
    }

    /// Whether it was lost.
    pub fn is_lost(&self) -> bool {
        self.0.is_none()
    }
}

impl Deref for Held {
    type Target = Core;

    fn deref(&self) -> &Core {
        self.0.as_ref().expect("the sequencer is awake")
    }
}

impl DerefMut for Held {
    fn deref_mut(&mut self) -> &mut Core {
        self.0.as_mut().expect("the sequencer is awake")
    }
}
