//! SwiGLU and GELU in tensor operations: the reference.

use burn::tensor::{Tensor, activation::sigmoid};

use super::kind::{Activation, GELU_CUBE, GELU_SCALE};

pub(crate) fn forward(x: &Tensor<3>, kind: Activation) -> Tensor<3> {
    match kind {
        Activation::SwiGlu => {
            let (gate, up) = halves(x);
            gate.clone() * sigmoid(gate) * up
        }
        Activation::Gelu => x.clone() * sigmoid(gelu_inner(x)),
    }
}

pub(super) fn backward(x: Tensor<3>, kind: Activation, dy: Tensor<3>) -> Tensor<3> {
    match kind {
        Activation::SwiGlu => {
            let (gate, up) = halves(&x);
            let s = sigmoid(gate.clone());
            let silu = gate * s.clone();
            let dsilu = s.clone() + silu.clone() * (s.neg() + 1.0);
            Tensor::cat(vec![dy.clone() * up * dsilu, dy * silu], 2)
        }
        Activation::Gelu => {
            let s = sigmoid(gelu_inner(&x));
            let dinner = (x.clone() * x.clone() * (3.0 * GELU_CUBE) + 1.0) * GELU_SCALE;
            dy * (s.clone() + x * s.clone() * (s.neg() + 1.0) * dinner)
        }
    }
}

fn halves(x: &Tensor<3>) -> (Tensor<3>, Tensor<3>) {
    let h = x.dims()[2] / 2;
    (x.clone().narrow(2, 0, h), x.clone().narrow(2, h, h))
}

fn gelu_inner(x: &Tensor<3>) -> Tensor<3> {
    (x.clone() * x.clone() * GELU_CUBE + 1.0) * x.clone() * GELU_SCALE
}
