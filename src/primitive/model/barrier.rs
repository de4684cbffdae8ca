//! A fence of which one side is free, modelled: a fence on both sides, where it is not refused.

pub(crate) use rawipc_model::{
    heavy_barrier as heavy, light_barrier as light, register_for_barriers as register,
};
