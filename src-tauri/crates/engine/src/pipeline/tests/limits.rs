//! What is bounded is said.

use super::*;
use crate::wire::Level;

#[test]
fn more_series_than_allowed_are_told_once() {
    let mut pipeline = Pipeline::new(Registry::default(), Alarms::default(), false);
    let decode = feedwatch_decode::Options { max_series: 3, ..feedwatch_decode::Options::default() };
    pipeline.add_feed(FeedSettings { decode, ..settings(None) }, at(0));
    for number in 0..100 {
        let [a, b, c, d, e] = [7, 5, 11, 9, 8].map(|modulus| number * number % modulus);
        let text = format!(r#"{{"a":{a},"b":{b},"c":{c},"d":{d},"e":{e}}}"#);
        pipeline.step(0, Event::Message(Message::new(number, at(number as i64), text)));
    }
    let told = |news: Vec<News>| news.into_iter().filter(|news| matches!(news, News::Notice(..))).collect::<Vec<_>>();
    let told = told(pipeline.take_output().news);
    assert!(
        matches!(&told[..], [News::Notice(Level::Warning, text)] if text.contains("more than 3 series")),
        "{told:?}"
    );
}
