//! Pipeline, alarms, live view, frames, configuration, notifications: start and stop.
