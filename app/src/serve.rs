//! `concord serve`: log, lock, contexts, listener, in this order; then requests, until the process is told to stop;
//! then everything again backwards.

use crate::config::{Config, Loaded};
use crate::data_dir::DataDir;
use crate::output::{Failure, Output, Printed};
use crate::wiring::{House, World};
use platform_http::Server;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Serves until SIGTERM or SIGINT.
pub fn run(loaded: Loaded, output: Output) -> Result<(), Failure> {
    let config = loaded.config;
    platform_telemetry::init(config.log.format, &config.log.level)?;
    loaded.notices.iter().for_each(|notice| tracing::warn!("{notice}"));
    let data = DataDir::make(&config.data.dir)?;
    let _lock = data.lock()?;
    let world = World::real();
    let house = House::open(&data, config.server.listen.ip(), &world, config.settings())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Failure::io("starting the runtime", source))?;
    // The house outlives the runtime, so no task of a request is left when the contexts close.
    runtime.block_on(serve(&house, &config, &world, output))?;
    drop(runtime);
    house.close();
    drop(house);
    tracing::info!("stopped");
    Ok(())
}

async fn serve(house: &House, config: &Config, world: &World, output: Output) -> Result<(), Failure> {
    // Before the first request: a signal that comes early must not kill the process half way.
    let (terminate, interrupt) = (listen_for(SignalKind::terminate())?, listen_for(SignalKind::interrupt())?);
    let site = house.site(config.limits, world);
    let listen = config.server.listen;
    let server = Server::bind(&[listen], config.server.settings).await;
    let server = server.map_err(|source| Failure::io(format!("listening on {listen}"), source))?;
    let address = server.addresses().first().copied().unwrap_or(listen);
    let url = format!("http://{address}");
    tracing::info!(%url, data_dir = %config.data.dir.display(), version = env!("CARGO_PKG_VERSION"), "serving");
    if house.keys.is_open(house.door).map_err(identity::Error::from)? {
        tracing::warn!(
            "requests from this machine are answered without an API key, as tenant \"default\" with every scope; \
             making the first key ends that: concord admin keys create"
        );
    }
    output.answer(Printed { text: format!("listening on {url}\n"), json: json!({ "listening": url }) })?;
    let (stop, stopped) = watch::channel(false);
    let wallets = house.wallets.clone();
    let jobs = tokio::spawn(async move { wallets.run_jobs(stopped).await });
    server.serve(site, told_to_stop(terminate, interrupt)).await;
    // What was begun is finished; what was not is taken up by the next start.
    stop.send_replace(true);
    if jobs.await.is_err() {
        tracing::error!("the runner of jobs ended in a panic");
    }
    Ok(())
}

fn listen_for(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|source| Failure::io("listening for signals", source))
}

async fn told_to_stop(mut terminate: Signal, mut interrupt: Signal) {
    let name = tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    };
    tracing::info!(signal = name, "stopping: requests under way may finish");
}
