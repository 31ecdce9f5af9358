//! The norms in tensor operations: the reference.

use burn::tensor::Tensor;

use super::grads::{EPSILON, Grads};

pub(crate) fn forward(x: &Tensor<3>, gain: &Tensor<3>, bias: Option<&Tensor<3>>) -> Tensor<3> {
    let xc = if bias.is_some() { x.clone() - x.clone().mean_dim(2) } else { x.clone() };
    let rstd = ((xc.clone() * xc.clone()).mean_dim(2) + EPSILON).sqrt().recip();
    let y = xc * rstd * gain.clone();
    match bias {
        Some(bias) => y + bias.clone(),
        None => y,
    }
}

pub(super) fn backward(
    x: Tensor<3>,
    gain: &Tensor<3>,
    layer_norm: bool,
    dy: Tensor<3>,
    residual: Option<Tensor<3>>,
) -> Grads {
    let xc = if layer_norm { x.clone() - x.mean_dim(2) } else { x };
    let rstd = ((xc.clone() * xc.clone()).mean_dim(2) + EPSILON).sqrt().recip();
    let xhat = xc * rstd.clone();
    let bias = layer_norm.then(|| dy.clone().sum_dim(1));
    let dgain = (dy.clone() * xhat.clone()).sum_dim(1);
    let dxhat = dy * gain.clone();
    let projection = xhat.clone() * (dxhat.clone() * xhat).mean_dim(2);
    let inner = dxhat.clone() - projection;
    let inner = if layer_norm { inner - dxhat.mean_dim(2) } else { inner };
    let dx = inner * rstd;
    let dx = match residual {
        Some(residual) => dx + residual,
        None => dx,
    };
    Grads { x: dx, gain: dgain, bias }
}
