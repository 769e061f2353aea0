//! Reading JSON: one pass over the bytes that names every leaf by its place in a trie of paths.

pub(crate) mod fault;
pub(crate) mod leaf;
mod members;
pub(crate) mod number;
pub(crate) mod scan;
mod template;
pub(crate) mod text;
pub(crate) mod trie;

#[cfg(test)]
mod tests;
