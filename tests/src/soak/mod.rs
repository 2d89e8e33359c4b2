//! The soak: very many fetches from an origin that misbehaves on purpose, over real sockets, through one instance.
//!
//! Each URL says what the origin does with it ([`Plan`]), and so what must come of the fetch. The instance lives through all of them:
//! nothing may be lost, nothing may end otherwise than it must, and neither the guest nor the host may grow.

mod drive;
mod memory;
mod origin;
mod plan;
mod random;
mod report;
mod serve;

pub use drive::{Moment, Settings, soak};
pub use memory::Memory;
pub use origin::Origin;
pub use plan::{Act, Plan};
pub use random::Random;
pub use report::Report;
