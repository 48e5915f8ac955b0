//! Work for later: transfers that were scheduled and lines of payout files. A job that is done is ended by the unit
//! that does it; one that is refused is ended with the refusal; what could not be decided is tried again.

use crate::{Error, Wallets};
use kernel::{Caller, Problem};
use platform_store::jobs::{Job, Status, job_end};
use platform_store::runner::{Handled, Handler, run_jobs};
use platform_store::unit::{Change, Command, RowsUnit};
use std::sync::Arc;
use tokio::sync::watch;

/// A transfer that was scheduled.
pub const TRANSFER: &str = "wallets.transfer";
/// A line of a payout file.
pub const PAYOUT: &str = "wallets.payout";

struct Runner(Wallets);

impl Handler for Runner {
    fn run(&self, job: Job) -> Handled {
        let wallets = self.0.clone();
        Box::pin(async move { wallets.run_job(&job).await })
    }
}

impl Wallets {
    /// Runs jobs until it is told to stop; those under way are finished.
    pub async fn run_jobs(&self, stop: watch::Receiver<bool>) {
        run_jobs(self.store.clone(), Arc::new(Runner(self.clone())), self.wake.clone(), stop).await;
    }

    /// Lets the runner look for jobs at once.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    async fn run_job(&self, job: &Job) -> Result<(), String> {
        let ran = match job.kind.as_str() {
            TRANSFER => self.run_transfer(job).await,
            PAYOUT => self.run_payout(job).await,
            kind => return Err(format!("nothing here does {kind}")),
        };
        match ran {
            Ok(()) => Ok(()),
            // Another hand ended it first.
            Err(Error::Refused(crate::Refusal::JobEnded { .. })) => Ok(()),
            Err(error) => {
                let problem = error.into_refused().problem;
                Err(format!("{}: {}", problem.slug.code, problem.detail))
            }
        }
    }

    /// Ends a job that was refused, with the refusal, and changes what goes with it. What was not decided stays.
    pub(crate) async fn give_up(
        &self,
        job: &Job,
        error: Error,
        changes: impl Fn(&Problem) -> Vec<Change>,
    ) -> Result<(), Error> {
        let problem = match error {
            Error::Refused(crate::Refusal::JobEnded { .. }) => return Err(error),
            other => other.into_refused().problem,
        };
        if problem.slug.status >= 500 {
            return Err(problem.into());
        }
        let mut told = Vec::new();
        platform_http::write_problem(&mut told, &problem, None, None);
        let told = String::from_utf8_lossy(&told).into_owned();
        let command = Command { name: "job-failed", fields: Vec::new(), key: None, dry_run: false };
        self.store
            .once_rows(&by(job), &command, async || {
                self.still_waiting(job).await?;
                let end = job_end(job, Status::Failed, &told, self.now());
                let unit = RowsUnit::answering(Vec::new()).change(end);
                Ok::<_, Error>(changes(&problem).into_iter().fold(unit, RowsUnit::change))
            })
            .await?;
        Ok(())
    }

    /// Refuses a job that another hand has ended.
    pub(crate) async fn still_waiting(&self, job: &Job) -> Result<(), Error> {
        let now = self.job(&job.tenant, &job.kind, job.id).await?;
        match now.status {
            Status::Waiting => Ok(()),
            ended => Err(crate::Refusal::JobEnded { status: ended.as_str() }.into()),
        }
    }
}

/// The house, in the course of the request that asked for a job.
pub(crate) fn by(job: &Job) -> Caller {
    let mut by = Caller::house(job.tenant.clone());
    by.request = job.request.clone();
    by
}
