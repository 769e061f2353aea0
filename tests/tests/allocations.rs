//! Nothing is allocated for a message once its feed is known: neither for flattening it and knowing what it means, nor for
//! checking it.

#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::Bytes;
use feedwatch_decode::{Catalogue, Decoder, Options, Sink};
use feedwatch_detect::Integrity;
use feedwatch_engine::pipeline::Names;
use feedwatch_model::{FeedId, Finding, Message, Reading, Rejected, Time};

/// Counts what this thread allocates.
struct Counting;

thread_local! {
    static ALLOCATED: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: everything is handed on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

struct Checked {
    integrity: Integrity,
    findings: Vec<Finding>,
    marks: usize,
    points: usize,
}

impl Sink for Checked {
    fn reading(&mut self, catalogue: &Catalogue, message: Message, reading: &Reading) {
        self.marks += reading.marks.len();
        self.points += reading.points.len();
        self.integrity.observe(&message, reading, &Names(catalogue), &mut self.findings);
    }

    fn rejected(&mut self, _: Message, why: Rejected) {
        panic!("{why}");
    }
}

/// How much is allocated for the last 2,000 of 6,000 messages that come every 20 ms.
fn allocated(text: impl Fn(u64) -> String) -> u64 {
    let start = Time::parse_rfc3339("2026-03-01T12:00:00Z").expect("a time");
    let messages: Vec<Message> = (0..6_000)
        .map(|at| Message::new(at, start.plus_nanos(at as i64 * 20_000_000), Bytes::from(text(at))))
        .collect();
    let mut decoder = Decoder::new(Options::default());
    let mut sink = Checked { integrity: Integrity::new(FeedId(1)), findings: Vec::new(), marks: 0, points: 0 };
    let mut before = 0;
    for message in messages {
        if message.number == 4_000 {
            before = ALLOCATED.with(Cell::get);
        }
        decoder.push(message, &mut sink);
    }
    let allocated = ALLOCATED.with(Cell::get) - before;
    assert!(sink.findings.is_empty(), "{:#?}", sink.findings);
    assert!(sink.marks > 5_000 && sink.points > 5_000, "{} marks, {} points", sink.marks, sink.points);
    allocated
}

const PRODUCTS: [&str; 4] = ["BTC-USD", "ETH-USD", "SOL-USD", "XRP-USD"];

fn time(at: u64) -> String {
    let start = Time::parse_rfc3339("2026-03-01T12:00:00Z").expect("a time");
    start.plus_nanos(at as i64 * 20_000_000).to_string()
}

#[test]
fn tickers_of_several_products() {
    let text = |at: u64| {
        format!(
            r#"{{"type":"ticker","sequence":{},"product_id":"{}","price":"{}.{:02}","best_bid":"{}","side":"buy","time":"{}","last_size":0.{}}}"#,
            37_475 + at / 4,
            PRODUCTS[(at % 4) as usize],
            97_000 + at * 37 % 991,
            at % 100,
            96_000 + at * 31 % 977,
            time(at),
            1 + at % 7
        )
    };
    assert_eq!(allocated(text), 0);
}

#[test]
fn lists_of_several_lengths_and_heartbeats_between_them() {
    let text = |at: u64| {
        if at.is_multiple_of(50) {
            return format!(r#"{{"type":"heartbeat","seq":{at},"time":"{}"}}"#, time(at));
        }
        let levels: Vec<String> =
            (0..1 + at % 9).map(|level| format!(r#"["{}.5","{}"]"#, 90 + at % 17 + level, at % 13)).collect();
        format!(
            r#"{{"type":"book","seq":{at},"time":"{}","bids":[{}],"open":{}}}"#,
            time(at),
            levels.join(","),
            at.is_multiple_of(2)
        )
    };
    assert_eq!(allocated(text), 0);
}
