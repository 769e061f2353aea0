//! What the page may ask. All commands are async, and what may take time runs on threads of its own.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use feedwatch_engine::config;
use feedwatch_engine::engine::{HOLD, failure};
use feedwatch_engine::known::Knowledge;
use feedwatch_engine::newfeed::used;
use feedwatch_engine::probe::Probe;
use feedwatch_engine::wire::{
    DrillRow, Failure, FeedChange, FrameRequest, IntegrityRequest, IntegrityView, MessagesRequest, MessagesView,
    NewFeed, PinProblem, PinsRow, ProbeUpdate, ProfileRequest, ProfileView, Push, SeriesRow, StarterRow, Timeline,
};
use feedwatch_engine::{Console, clock};
use feedwatch_model::Time;
use tauri::ipc::{Channel, Response};
use tauri::{AppHandle, State};
use tokio_util::sync::CancellationToken;

use crate::console;

type Answer<T> = Result<T, Failure>;

/// Drills that are shown of a feed.
const DRILLS: usize = 50;
/// Longest text the page may send to the log.
const MAX_LOGGED: usize = 2_000;
/// A look at an address ends by itself.
const PROBE: Duration = Duration::from_secs(120);

/// Looks under way.
#[derive(Default)]
pub(crate) struct Probes {
    next: AtomicU32,
    running: Arc<Mutex<HashMap<u32, CancellationToken>>>,
    /// What the latest looks have shown, also when they are over.
    known: Arc<Mutex<Vec<(u32, Knowledge)>>>,
}

/// Looks of which it is remembered what they have shown.
const REMEMBERED: usize = 4;

/// Runs on a thread that may block: the engine's locks and the disk are not for the event loop.
pub(crate) async fn blocking<T: Send + 'static>(
    app: &AppHandle,
    work: impl FnOnce(&Console) -> Answer<T> + Send + 'static,
) -> Answer<T> {
    let console = console(app);
    let done = tauri::async_runtime::spawn_blocking(move || work(&console)).await;
    done.unwrap_or_else(|error| Err(failure("internal", error.to_string(), "See the log.")))
}

#[tauri::command]
pub(crate) async fn subscribe(app: AppHandle, channel: Channel<Push>) -> Answer<()> {
    blocking(&app, move |console| {
        console.subscribe(Arc::new(move |push| channel.send(push).is_ok()));
        Ok(())
    })
    .await
}

#[tauri::command]
pub(crate) async fn frame(app: AppHandle, request: FrameRequest) -> Answer<Response> {
    blocking(&app, move |console| Ok(Response::new(console.running()?.frame(&request)))).await
}

#[tauri::command]
pub(crate) async fn series(app: AppHandle) -> Answer<Vec<SeriesRow>> {
    blocking(&app, |console| Ok(console.running()?.series())).await
}

#[tauri::command]
pub(crate) async fn acknowledge(app: AppHandle, ids: Vec<u32>, note: Option<String>) -> Answer<Vec<u32>> {
    blocking(&app, move |console| Ok(console.running()?.acknowledge(&ids, note.as_deref()))).await
}

#[tauri::command]
pub(crate) async fn timeline(app: AppHandle, from_ms: f64, to_ms: f64, slots: u32) -> Answer<Timeline> {
    let time = |ms: f64| Time::from_millis(if ms.is_finite() { ms as i64 } else { 0 });
    blocking(&app, move |console| console.running()?.timeline(time(from_ms), time(to_ms), slots)).await
}

#[tauri::command]
pub(crate) async fn integrity(app: AppHandle, request: IntegrityRequest) -> Answer<IntegrityView> {
    blocking(&app, move |console| console.running()?.integrity(&request)).await
}

#[tauri::command]
pub(crate) async fn messages(app: AppHandle, request: MessagesRequest) -> Answer<MessagesView> {
    blocking(&app, move |console| console.running()?.messages(&request)).await
}

#[tauri::command]
pub(crate) async fn starters() -> Answer<Vec<StarterRow>> {
    Ok(config::starters().iter().map(StarterRow::from).collect())
}

#[tauri::command]
pub(crate) async fn probe_start(
    app: AppHandle,
    probes: State<'_, Probes>,
    feed: NewFeed,
    channel: Channel<ProbeUpdate>,
) -> Answer<u32> {
    let prepared = blocking(&app, move |console| {
        let starter = feed.starter.clone();
        let feed = console.understand(&feed)?;
        let config = config::Config { feeds: vec![feed.clone()], ..config::Config::default() };
        let secrets = config::resolve_secrets(&config, &|name| std::env::var(name).ok())
            .map_err(|problems| failure("config", problems.to_string(), ""))?;
        let paths = config::Paths::new(&|name| std::env::var(name).ok())
            .map_err(|error| failure("config", error.to_string(), ""))?;
        let used = used(&starter, &feed.source).map(|starter| starter.id);
        Ok(Probe::new(&feed, secrets.of(&feed.name), &paths, clock::now).with_profile(used))
    });
    let mut probe = prepared.await?;
    let id = probes.next.fetch_add(1, Ordering::SeqCst);
    let stop = CancellationToken::new();
    let (running, known) = (Arc::clone(&probes.running), Arc::clone(&probes.known));
    lock(&running).insert(id, stop.clone());
    tauri::async_runtime::spawn(async move {
        let mut tell = |probe: &Probe| {
            if let Some(now) = probe.known() {
                remember(&mut lock(&known), id, now);
            }
            // A page that went away needs no more of it; the look ends with its time.
            let _ = channel.send(probe.update());
        };
        probe.run(Some(PROBE), stop, &mut |_| {}, &mut tell).await;
        lock(&running).remove(&id);
    });
    Ok(id)
}

#[tauri::command]
pub(crate) async fn probe_stop(probes: State<'_, Probes>, id: u32) -> Answer<()> {
    if let Some(stop) = lock(&probes.running).remove(&id) {
        stop.cancel();
    }
    Ok(())
}

fn remember(known: &mut Vec<(u32, Knowledge)>, id: u32, now: Knowledge) {
    match known.iter_mut().find(|(of, _)| *of == id) {
        Some((_, before)) => *before = now,
        None => {
            let over = known.len().saturating_sub(REMEMBERED - 1);
            known.drain(..over);
            known.push((id, now));
        }
    }
}

/// What a look has shown so far; `feed` is its number.
#[tauri::command]
pub(crate) async fn probe_profile(probes: State<'_, Probes>, request: ProfileRequest) -> Answer<ProfileView> {
    let known = lock(&probes.known).iter().find(|(id, _)| *id == request.feed).map(|(_, known)| known.clone());
    known.map(|known| known.view(&request)).ok_or_else(|| failure("not_found", "Nothing was looked at yet.", ""))
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[tauri::command]
pub(crate) async fn profile(app: AppHandle, request: ProfileRequest) -> Answer<ProfileView> {
    blocking(&app, move |console| console.profile(&request)).await
}

#[tauri::command]
pub(crate) async fn check_profile(pins: PinsRow) -> Answer<Vec<PinProblem>> {
    Ok(config::read_pins(&pins).err().unwrap_or_default())
}

#[tauri::command]
pub(crate) async fn set_profile(app: AppHandle, name: String, pins: PinsRow) -> Answer<FeedChange> {
    blocking(&app, move |console| console.set_profile(&name, &pins)).await
}

#[tauri::command]
pub(crate) async fn add_feed(app: AppHandle, feed: NewFeed) -> Answer<FeedChange> {
    blocking(&app, move |console| console.add_feed(&feed)).await
}

#[tauri::command]
pub(crate) async fn remove_feed(app: AppHandle, name: String) -> Answer<FeedChange> {
    blocking(&app, move |console| console.remove_feed(&name)).await
}

#[tauri::command]
pub(crate) async fn undo_feed_change(app: AppHandle, undo: String) -> Answer<()> {
    blocking(&app, move |console| console.undo_feed_change(&undo)).await
}

#[tauri::command]
pub(crate) async fn drill(app: AppHandle, feed: String) -> Answer<DrillRow> {
    let engine = blocking(&app, |console| console.running()).await?;
    engine.drill(&feed, HOLD).await.map(DrillRow::from)
}

#[tauri::command]
pub(crate) async fn drills(app: AppHandle, feed: String) -> Answer<Vec<DrillRow>> {
    let told = blocking(&app, move |console| console.running()?.drills(&feed, DRILLS));
    Ok(told.await?.into_iter().map(DrillRow::from).collect())
}

#[tauri::command]
pub(crate) async fn set_notifications(app: AppHandle, on: bool) -> Answer<()> {
    blocking(&app, move |console| {
        console.running()?.set_notifications(on);
        Ok(())
    })
    .await
}

#[tauri::command]
pub(crate) async fn page_error(text: String) {
    let cut: String = text.chars().take(MAX_LOGGED).collect();
    tracing::error!(target: "page", "{}", cut.escape_debug());
}
