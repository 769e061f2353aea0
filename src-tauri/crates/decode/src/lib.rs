//! Payloads to readings, and discovery of a feed's profile. Pure.
