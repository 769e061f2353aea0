//! Integrity checks and anomaly detection, incremental. Pure.
