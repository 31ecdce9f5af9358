//! The stacked transformer, its operations and their backward passes.
//!
//! A [`StackModel`] holds `R` replicas of one [`Shape`](isoflop_plan::Shape): every weight is
//! `[R, rows, cols]`, every activation `[R, M, width]` with `M` the tokens of one replica's batch.
//! `R = 1` is ordinary training; there is one code path. Gradients are written by hand
//! ([`ops`]), so that a step is a fixed list of operations without a tape. On devices other than the
//! CPU the operations are kernels of this crate, as far as the device's [`Choices`](kernels::Choices) say so.
//!
//! ```
//! use burn::tensor::Device;
//! use isoflop_model::{OptimState, ReplicaStep, StackModel, Tokens};
//! use isoflop_plan::{Family, Optimizer, Precision, Shape};
//!
//! let shape =
//!     Shape { family: Family::Llama, depth: 2, width: 32, heads: 2, hidden: 88, vocab: 256, context: 16 };
//! let mut model = StackModel::init(&shape, &[1, 2], Precision::F32, &Device::flex());
//! let mut optim = OptimState::new(&model);
//! let windows: Vec<i32> = (0..2 * 17).collect(); // one sequence for each of two replicas
//! let (inputs, targets) = Tokens::inputs_and_targets(&windows, 2, 16);
//! let (loss, grads) = model.loss_and_grads(&inputs, &targets, 0.0, 1.0);
//! let first: Vec<f32> = loss.into_data().try_to_vec().unwrap();
//! assert!((first[0] - 256f32.ln()).abs() < 0.05);
//! let step = ReplicaStep {
//!     learning_rate: 1e-2, weight_decay: 0.1, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, clip_norm: Some(1.0),
//! };
//! optim.update(Optimizer::AdamW, &mut model, grads, &[step, step]);
//! let after: Vec<f32> = model.loss(&inputs, &targets).into_data().try_to_vec().unwrap();
//! assert!(after[0] < first[0]);
//! ```

mod adapter;
mod batch;
mod block;
mod groups;
mod host;
pub mod kernels;
mod model;
pub mod ops;
mod optim;
mod params;
mod steps;

pub use batch::Tokens;
pub use host::is_host;
pub use model::StackModel;
pub use ops::adamw::ReplicaStep;
pub use ops::attention::takes_matrix_units;
pub use ops::clip::grad_norms;
pub use optim::{OptimState, select};
pub use params::{Grads, Group, Init, ParamSpec, count_params, param_specs};
pub use steps::{MicroBatch, Steps};
