//! The claims about the component as a whole, one file for each topic.
//!
//! Under virtual time wherever time matters; over real sockets where sockets do, with a watchdog and free ports.

mod bodies;
mod callbacks;
mod compose;
mod deadline;
mod disk;
mod egress;
mod endings;
mod examples;
mod fan_out;
mod faults;
mod futures;
mod half_way;
mod hostile;
mod kills;
mod leaks;
mod promise;
mod run;
mod serve;
mod size;
mod soak;
mod spin;
mod ticker;
mod upload;

/// The guest programs and examples, built by `build.rs`. A program that no claim runs does not compile.
#[deny(dead_code)]
mod programs {
    include!(concat!(env!("OUT_DIR"), "/programs.rs"));
}
