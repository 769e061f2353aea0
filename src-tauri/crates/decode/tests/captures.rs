//! Real feeds: what discovery says of captures that lie beside the repository.

mod kit;

use kit::{Outcome, capture};

#[test]
fn dump() {
    let Ok(name) = std::env::var("DUMP") else { return };
    let Some(Outcome { profile, catalogue, rejected, readings, .. }) = capture(&name) else { return };
    println!("{name}: read {} rejected {rejected} series {}", readings.len(), catalogue.series.len());
    for kind in &profile.kinds {
        println!(
            "kind {:?} messages {}\n   time {:?} others {:?}\n   keys {:?}",
            kind.matches,
            kind.messages,
            kind.time.as_ref().map(|t| (&t.path, t.unit)),
            kind.other_times.iter().map(|t| (&t.path, t.unit)).collect::<Vec<_>>(),
            kind.keys
        );
        for s in kind.series.iter().take(14) {
            println!("      {} {} {:?} {:?} n={} {:?}..{:?}", s.name, s.path, s.kind, s.unit, s.samples, s.min, s.max);
        }
        println!("      ({} series)", kind.series.len());
        for i in &kind.ignored {
            print!("   {}:{:?}", i.path, i.why);
        }
        println!();
    }
    for s in &profile.sequence {
        println!("{s:?}");
    }
}
