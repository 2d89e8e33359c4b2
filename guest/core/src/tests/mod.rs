//! The tests of core that tell a story; small facts are tested beside what they are about.
mod bad_input;
mod callbacks;
mod content;
mod deadline;
mod decoding;
mod errors;
mod headers;
mod lifecycle;
mod properties;
mod queue;
mod redirect_safety;
mod redirects;
mod scenario;
mod settings;
mod starting;
mod wait_any;
