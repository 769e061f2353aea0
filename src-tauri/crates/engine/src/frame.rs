//! The binary frame: what the page pulls once per tick.
//!
//! All numbers little-endian; every block begins at a multiple of 8 bytes, so that typed-array views fit.
//!
//! ```text
//! header, 32 bytes
//!   0  u32  magic 0x3157_4646 ("FFW1")
//!   4  u32  panels P
//!   8  f64  the engine's clock, ms since the epoch
//!  16  f64  left edge of the span, ms
//!  24  f64  right edge of the span, ms
//! then P panels, each
//!   0  u32  series
//!   4  u32  flags: 1 = reset (replace all points), 2 = receive time axis, 4 = no such series, 8 = history not readable
//!   8  u32  points N
//!  12  u32  gaps G
//!  16  u32  marks M
//!  20  u32  level of the series now: 0 ok, 1 info, 2 warning, 3 critical (an open episode or alarm)
//!  24  f64  bucket width, ms
//!  32  f64  cursor: give it back in the next request for this panel
//!  40  f64  last value (NaN: none)
//!  48  f64  time of the last value, ms
//!  56  f64[N] bucket starts, ms, ascending; empty buckets are left out
//!      f64[N] smallest value   f64[N] largest value
//!      f64[N] lower and f64[N] upper end of the expected band (NaN: none)
//!      f64[G] gap from, ms     f64[G] gap to, ms (NaN: it lasts)
//!      u32[G] cause: 0 connection lost, 1 not reachable, 2 console stopped, 3 messages lost, 4 dropped here,
//!             5 history not written; padded to 8 bytes
//!      f64[M] mark time, ms    f64[M] mark value
//!      u32[M] level (1 to 3); padded to 8 bytes
//! ```
//!
//! Without the reset flag the points replace all the page has from the first start on. Gaps and marks are always whole
//! for the span. A gap of cause 3 (messages lost while the connection stood) is a tick at its place; the line is broken
//! over every gap.
