//! History in SQLite: one writer, many readers.
