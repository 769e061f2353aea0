//! `feedwatch check`.

use feedwatch_engine::config;
use feedwatch_engine::text::many;
use serde_json::json;

use crate::args;
use crate::out::{self, Outcome, Trouble};

pub fn run(args: &args::CheckConfig) -> Result<Outcome, Trouble> {
    let checked = config::check(&args.config, &|name| std::env::var(name).ok());
    match checked {
        Ok(config) => {
            let feeds = many(config.feeds.len() as u64, "feed");
            if args.json {
                out::fields(&json!({ "problems": [] }))?;
            } else {
                out::line(format!("{} is in order: {feeds}.", args.config.display()))?;
            }
            Ok(Outcome::Done)
        }
        Err(problems) => {
            if args.json {
                out::fields(&json!({ "problems": problems }))?;
            } else {
                out::line(problems)?;
            }
            Ok(Outcome::No)
        }
    }
}
