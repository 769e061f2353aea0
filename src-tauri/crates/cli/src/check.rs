//! `feedwatch check`.

use feedwatch_engine::config;
use serde_json::json;

use crate::args;
use crate::out::{self, Outcome, Trouble};

pub fn run(args: &args::CheckConfig) -> Result<Outcome, Trouble> {
    let checked = config::load(&args.config).and_then(|config| {
        config::resolve_secrets(&config, &|name| std::env::var(name).ok())?;
        Ok(config)
    });
    match checked {
        Ok(config) => {
            if args.json {
                out::fields(&json!({ "problems": [] }))?;
            } else {
                out::line(format!("{} is in order: {} feeds.", args.config.display(), config.feeds.len()))?;
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
