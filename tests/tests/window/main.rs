//! The real window on a screen that nobody sees: what an operator does and sees, from the first look to the restart.

mod adding;
mod demo;
mod kit;
mod looks;
mod saving;
mod trouble;
