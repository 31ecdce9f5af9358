//! Tables of the rotary positions (Su et al. 2021).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use burn::tensor::{Device, Tensor, TensorData};

use super::dims::Dims;

/// Base of the rotary frequencies.
pub const ROPE_BASE: f64 = 10_000.0;

/// Cosines and sines of the rotary angles, `[context, head_dim / 2]` each, row-major.
pub(super) struct Rope {
    pub cos: Vec<f32>,
    pub sin: Vec<f32>,
}

/// The tables of a context and head size, computed once.
pub(super) fn rope_tables(dims: Dims) -> Arc<Rope> {
    type Tables = Mutex<BTreeMap<(usize, usize), Arc<Rope>>>;
    static TABLES: Tables = Mutex::new(BTreeMap::new());
    let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    let half = dims.head_dim / 2;
    let compute = || {
        let angles = (0..dims.context).flat_map(|t| {
            (0..half).map(move |i| t as f64 * ROPE_BASE.powf(-(i as f64) / half as f64))
        });
        let (cos, sin) = angles.map(|a| (a.cos() as f32, a.sin() as f32)).unzip();
        Arc::new(Rope { cos, sin })
    };
    tables.entry((dims.context, dims.head_dim)).or_insert_with(compute).clone()
}

/// The tables of [`rope_tables`] on a device, sent there once.
pub(crate) fn device_tables(dims: Dims, device: &Device) -> [Tensor<2>; 2] {
    type Tables = Mutex<Vec<(Device, [usize; 2], [Tensor<2>; 2])>>;
    static TABLES: Tables = Mutex::new(Vec::new());
    let shape = [dims.context, dims.head_dim / 2];
    let is_same = |d: &Device| d == device && d.is_autodiff() == device.is_autodiff();
    let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, _, found)) = tables.iter().find(|t| is_same(&t.0) && t.1 == shape) {
        return found.clone();
    }
    let rope = rope_tables(dims);
    let send = |v: &[f32]| Tensor::from_data(TensorData::new(v.to_vec(), shape), device);
    let sent = [send(&rope.cos), send(&rope.sin)];
    tables.push((device.clone(), shape, sent.clone()));
    sent
}
