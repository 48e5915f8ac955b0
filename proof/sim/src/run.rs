//! One seed from its start to its last audit.

use crate::disk::Crash;
use crate::mutant::Mutant;
use crate::world::{Flow, Tally, World};
use ledger::books::model::BookNo;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Fewest steps of a run.
const STEPS_LEAST: u64 = 12;
/// Most steps of a run.
const STEPS_MOST: u64 = 40;
/// Sizes of segments that are made ahead.
const SPARES: [u64; 4] = [8 << 10, 16 << 10, 16 << 10, 32 << 10];

/// Groups in which everything that was asked is done at the end.
const LANDINGS: usize = 40;
/// Commands of a batch that are taken at the end.
const SLICE: usize = 1000;

/// What is run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan {
    /// Decides everything.
    pub seed: u64,
    /// What is broken on purpose.
    pub mutant: Mutant,
    /// No faults but this one: the process dies at this operation after the first start.
    pub only_crash_at: Option<u64>,
    /// Keep the last steps.
    pub trace: bool,
}

/// How it went.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was run.
    pub plan: Plan,
    /// What is wrong, if anything.
    pub violation: Option<String>,
    /// Counts.
    pub tally: Tally,
    /// The last steps.
    pub trace: Vec<String>,
    /// Operations that changed the disk.
    pub operations: u64,
}

/// Runs a seed. A panic of the engine is a violation like any other.
pub fn run(plan: Plan) -> Report {
    let mut world = World::new(plan.seed, plan.mutant, plan.only_crash_at.is_none());
    if plan.trace {
        world.disk.keep_trace();
    }
    let ran = catch_unwind(AssertUnwindSafe(|| live(&mut world, plan)));
    let violation = match ran {
        Ok(Ok(())) => None,
        Ok(Err(why)) => Some(why),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Some(format!("panic: {}", text.unwrap_or_default()))
        }
    };
    // What a panic left behind is not looked at again.
    let disk = world.disk.clone();
    Report { plan, violation, tally: world.tally, trace: disk.trace(), operations: disk.operations() }
}

fn live(world: &mut World, plan: Plan) -> Result<(), String> {
    let mut flow = world.restart()?;
    if plan.only_crash_at.is_some() {
        world.disk.crash_in(plan.only_crash_at);
    }
    let steps = world.chance.within(STEPS_LEAST, STEPS_MOST);
    for _ in 0..steps {
        if flow == Flow::Goes && world.disk.is_down() {
            flow = world.restart()?;
        }
        if flow == Flow::Ends {
            return Ok(());
        }
        flow = step(world)?;
    }
    if flow == Flow::Goes { finish(world) } else { Ok(()) }
}

/// One step of whoever's turn it is.
fn step(world: &mut World) -> Result<Flow, String> {
    match world.chance.below(64) {
        0..=35 => {
            fill(world);
            if world.chance.one_in(3) {
                // The next group fills while one is written.
                world.hand_over();
                fill(world);
            }
            world.land()
        }
        36..=41 => spare(world),
        42..=47 => checkpoint(world),
        48..=51 => {
            let us = *world.chance.pick(&[1, 1_000, 1_000_000, 90_000_000, 1_200_000_000]);
            world.clock.advance_us(us);
            world.disk.note(|| format!("{us} us pass"));
            if let Some(life) = &mut world.life {
                life.core.tick();
            }
            Ok(Flow::Goes)
        }
        52 if world.with_faults => {
            world.jump_clock();
            Ok(Flow::Goes)
        }
        53..=54 => {
            world.confirm_clock();
            Ok(Flow::Goes)
        }
        55 if world.with_faults && world.chance.one_in(2) => {
            flip(world);
            Ok(Flow::Goes)
        }
        56 if world.with_faults => {
            let full = world.chance.one_in(2);
            world.disk.set_full(full);
            Ok(Flow::Goes)
        }
        57..=58 => world.restart(),
        59 => world.repeat(3),
        _ => {
            fill(world);
            world.hand_over();
            Ok(Flow::Goes)
        }
    }
}

fn fill(world: &mut World) {
    if world.doubts_clock() && world.chance.one_in(2) {
        world.confirm_clock();
    }
    for _ in 0..world.chance.within(1, 6) {
        let (book, wanted) = world.work.next(&world.fold);
        world.ask(book, wanted);
    }
    let slice = world.chance.within(1, 4) as usize;
    if let Some(life) = &mut world.life {
        life.go_on(slice);
    }
}

fn spare(world: &mut World) -> Result<Flow, String> {
    let size = *world.chance.pick(&SPARES);
    let Some(life) = &world.life else { return Ok(Flow::Goes) };
    if let Err(fault) = life.segments.make_spare(size) {
        world.excuse("making a segment ahead", &fault)?;
    }
    Ok(Flow::Goes)
}

fn checkpoint(world: &mut World) -> Result<Flow, String> {
    let Some(life) = &mut world.life else { return Ok(Flow::Goes) };
    let due = life.unfinished.is_some() || (life.rests() && life.names > 0);
    if !due {
        return Ok(Flow::Goes);
    }
    world.disk.note(|| "checkpoint".to_owned());
    match life.checkpoint() {
        Ok(()) => world.tally.checkpoints += 1,
        Err(fault) => {
            world.disk.note(|| format!("   checkpoint: {fault}"));
            world.excuse("a checkpoint", &fault)?;
        }
    }
    Ok(Flow::Goes)
}

fn flip(world: &mut World) {
    let wanted = *world.chance.pick(&[".seg", ".seg", ".snap", ".run", ".run", ".tmp"]);
    world.disk.flip(|name| name.ends_with(wanted));
}

/// Everything lands, the power goes, and the last audit asks for what was acknowledged.
fn finish(world: &mut World) -> Result<(), String> {
    world.with_faults = false;
    if world.disk.is_down() && world.restart()? == Flow::Ends {
        return Ok(());
    }
    world.disk.set_rates(crate::disk::Rates::default());
    world.disk.crash_in(None);
    world.disk.set_full(false);
    for _ in 0..LANDINGS {
        if let Some(life) = &mut world.life {
            life.go_on(SLICE);
        }
        if world.land()? == Flow::Ends {
            return Ok(());
        }
    }
    if let Some(life) = &world.life
        && !life.filling.is_empty()
    {
        return Err(format!("{} commands were never answered", life.filling.len()));
    }
    world.life = None;
    world.disk.crash(Crash::Power);
    if world.restart()? == Flow::Ends {
        return Ok(());
    }
    world.confirm_clock();
    world.ask(BookNo(0), crate::asked::Wanted::Book(kernel::Tenant::default()));
    world.repeat(6)?;
    Ok(())
}
