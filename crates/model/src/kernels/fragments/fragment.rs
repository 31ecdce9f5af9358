//! A fragment of a matrix, which the units of a plane hold together.
//!
//! cubecl's own type can only be multiplied as matrices are. This one is multiplied element by element too, and its elements go through
//! a function: they need not be left in shared memory for that (SPIR-V's `OpFMul` and `OpCooperativeMatrixPerElementOpNV`).

use std::marker::PhantomData;

use burn::cubecl::cmma::{MatrixIdent, MatrixLayout};
use burn::cubecl::ir::attributes::ZeroAttr;
use burn::cubecl::ir::convert::lift_closure;
use burn::cubecl::ir::dialect::branch::ReturnOp;
use burn::cubecl::ir::dialect::math::FMulOp;
use burn::cubecl::ir::dialect::matrix::{
    CastOp, ElementwiseOp, FillOp, LoadOp, MultiplyAccumulateOp, StoreOp,
};
use burn::cubecl::ir::dialect::memory;
use burn::cubecl::ir::pliron::builtin::ops::FuncOp;
use burn::cubecl::ir::pliron::builtin::types::FunctionType;
use burn::cubecl::ir::pliron::value::Value;
use burn::cubecl::ir::prelude::*;
use burn::cubecl::ir::types::{MatrixScope, matrix::MatrixType};
use burn::cubecl::ir::{OpInserter, Scope};
use burn::cubecl::prelude::*;
use burn::cubecl::{self, unexpanded};

use crate::kernels::lines::Line;

/// A square fragment of elements `E`: of the left or the right operand of a product, or of its sums.
pub(crate) struct Fragment<E: Scalar> {
    _element: PhantomData<E>,
}

/// A [`Fragment`] of a kernel that is being written.
pub(crate) struct FragmentExpand<E: Scalar> {
    /// The variable that holds it.
    variable: Value,
    side: usize,
    layout: MatrixLayout,
    _element: PhantomData<E>,
}

impl<E: Scalar> FragmentExpand<E> {
    fn declared(scope: &Scope, ident: MatrixIdent, layout: MatrixLayout, side: usize) -> Self {
        let element = E::__expand_as_type(scope);
        let shape = (side, side, side).into();
        // Operations on two fragments take one type: sums have their layout in memory alone.
        let of_type =
            if ident == MatrixIdent::Accumulator { MatrixLayout::Undefined } else { layout };
        let matrix =
            MatrixType::get(scope.ctx(), ident, shape, element, of_type, MatrixScope::Plane);
        let variable = scope.create_local_mut(matrix, Some(ZeroAttr::new(matrix).into()));
        Self { variable, side, layout, _element: PhantomData }
    }

    fn filled(self, scope: &Scope, value: NativeExpand<E>) -> Self {
        let value = value.read_value(scope);
        scope.register(&FillOp::new(scope.ctx_mut(), self.variable, value));
        self
    }

    fn loaded<V: CubePrimitive>(
        self,
        scope: &Scope,
        from: &SliceExpand<V>,
        stride: NativeExpand<u32>,
    ) -> Self {
        // SAFETY: the pointer is read by the kernel alone.
        let from = unsafe { *from.__expand_as_ptr_method(scope) }.value(scope);
        let stride = stride.read_value(scope);
        let load = LoadOp::new(scope.ctx_mut(), self.variable, from, stride, self.layout);
        scope.register(&load);
        self
    }

    fn value(&self, scope: &Scope) -> Value {
        let load = memory::LoadOp::new(scope.ctx_mut(), self.variable);
        scope.register_with_result(&load)
    }
}

impl<E: Scalar> CubeType for Fragment<E> {
    type ExpandType = FragmentExpand<E>;
}

impl<E: Scalar> Clone for FragmentExpand<E> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<E: Scalar> ExpandTypeClone for FragmentExpand<E> {
    fn clone_unchecked(&self) -> Self {
        self.clone()
    }
}

impl<E: Scalar> AsRefExpand for FragmentExpand<E> {
    fn __expand_ref_method(&self, _: &Scope) -> &Self {
        self
    }
}

impl<E: Scalar> AsMutExpand for FragmentExpand<E> {
    fn __expand_ref_mut_method(&mut self, _: &Scope) -> &mut Self {
        self
    }
}

impl<E: Scalar> IntoExpand for FragmentExpand<E> {
    type Expand = Self;

    fn into_expand(self, _: &Scope) -> Self {
        self
    }
}

impl<E: Scalar> IntoMut for FragmentExpand<E> {
    fn into_mut(self, _: &Scope) -> Self {
        self
    }
}

impl<E: Scalar> CubeDebug for FragmentExpand<E> {}

/// How an operand lies in memory, as it is multiplied or its transpose.
fn layout(transposed: bool) -> MatrixLayout {
    if transposed { MatrixLayout::ColMajor } else { MatrixLayout::RowMajor }
}

/// A fragment of the left operand, whose rows or, with `transposed`, columns lie `stride` words of 32 bits apart.
#[cube]
#[allow(unused_variables)]
pub(crate) fn left<E: Scalar>(
    from: &[Line],
    stride: u32,
    #[comptime] transposed: bool,
    #[comptime] side: usize,
) -> Fragment<E> {
    intrinsic!(|scope| {
        let fragment = FragmentExpand::declared(scope, MatrixIdent::A, layout(transposed), side);
        fragment.loaded(scope, from, stride)
    })
}

/// A fragment of the right operand, whose rows or, with `transposed`, columns lie `stride` words of 32 bits apart.
#[cube]
#[allow(unused_variables)]
pub(crate) fn right<E: Scalar>(
    from: &[Line],
    stride: u32,
    #[comptime] transposed: bool,
    #[comptime] side: usize,
) -> Fragment<E> {
    intrinsic!(|scope| {
        let fragment = FragmentExpand::declared(scope, MatrixIdent::B, layout(transposed), side);
        fragment.loaded(scope, from, stride)
    })
}

/// Sums that all begin as `value`.
#[cube]
#[allow(unused_variables)]
pub(crate) fn sums(value: f32, #[comptime] side: usize) -> Fragment<f32> {
    intrinsic!(|scope| {
        let (ident, layout) = (MatrixIdent::Accumulator, MatrixLayout::Undefined);
        FragmentExpand::declared(scope, ident, layout, side).filled(scope, value)
    })
}

/// A right operand whose elements are all 1.
#[cube]
pub(crate) fn ones<E: Float>(#[comptime] side: usize) -> Fragment<E> {
    let one = E::new(1.0f32);
    right_of::<E>(one, side)
}

#[cube]
#[allow(unused_variables)]
fn right_of<E: Float>(value: E, #[comptime] side: usize) -> Fragment<E> {
    intrinsic!(|scope| {
        let (ident, layout) = (MatrixIdent::B, MatrixLayout::RowMajor);
        FragmentExpand::declared(scope, ident, layout, side).filled(scope, value)
    })
}

/// Sums that begin as numbers in memory: one for each row or, with `of_columns`, for each column.
#[cube]
#[allow(unused_variables)]
pub(crate) fn sums_of(
    from: &[f32],
    #[comptime] of_columns: bool,
    #[comptime] side: usize,
) -> Fragment<f32> {
    let stride = 0u32.runtime();
    intrinsic!(|scope| {
        let layout = if of_columns { MatrixLayout::RowMajor } else { MatrixLayout::ColMajor };
        let fragment = FragmentExpand::declared(scope, MatrixIdent::Accumulator, layout, side);
        fragment.loaded(scope, from, stride)
    })
}

/// Replaces sums by numbers in memory, row-major, with `stride` scalars between rows.
#[cube]
#[allow(unused_variables)]
pub(crate) fn load_sums<V: CubePrimitive>(sums: &Fragment<f32>, from: &[V], stride: u32) {
    intrinsic!(|scope| {
        let into = FragmentExpand { layout: MatrixLayout::RowMajor, ..sums.clone() };
        into.loaded(scope, from, stride);
    })
}

/// Adds a product to sums.
#[cube]
#[allow(unused_variables)]
pub(crate) fn add_product_to<E: Scalar>(
    sums: &Fragment<f32>,
    left: &Fragment<E>,
    right: &Fragment<E>,
) {
    intrinsic!(|scope| {
        let [a, b, c] = [left.variable, right.variable, sums.variable];
        scope.register(&MultiplyAccumulateOp::new(scope.ctx_mut(), a, b, c, c));
    })
}

/// Products of the elements at the same places.
#[cube]
#[allow(unused_variables)]
pub(crate) fn times(a: &Fragment<f32>, b: &Fragment<f32>) -> Fragment<f32> {
    intrinsic!(|scope| {
        let [x, y] = [a, b].map(|fragment| fragment.value(scope));
        let product = scope.register_with_result(&FMulOp::new(scope.ctx_mut(), x, y));
        let (ident, layout) = (MatrixIdent::Accumulator, MatrixLayout::Undefined);
        let result = FragmentExpand::declared(scope, ident, layout, a.side);
        scope.register(&memory::StoreOp::new(scope.ctx_mut(), result.variable, product));
        result
    })
}

/// Sums as a left operand in half precision.
#[cube]
#[allow(unused_variables)]
pub(crate) fn as_left<E: Scalar>(sums: &Fragment<f32>) -> Fragment<E> {
    intrinsic!(|scope| {
        let (ident, layout) = (MatrixIdent::A, MatrixLayout::Undefined);
        let result = FragmentExpand::declared(scope, ident, layout, sums.side);
        scope.register(&CastOp::new(scope.ctx_mut(), sums.variable, result.variable));
        result
    })
}

/// Writes sums, or what [`as_left`] has made of them, row-major, with `stride` scalars between rows.
#[cube]
#[allow(unused_variables)]
pub(crate) fn store<E: Scalar, V: CubePrimitive>(to: &mut [V], sums: &Fragment<E>, stride: u32) {
    intrinsic!(|scope| {
        let stride = stride.read_value(scope);
        // SAFETY: the pointer is written by the kernel alone.
        let to = unsafe { *to.__expand_as_ptr_method(scope) }.value(scope);
        let layout = MatrixLayout::RowMajor;
        scope.register(&StoreOp::new(scope.ctx_mut(), sums.variable, to, stride, layout));
    })
}

/// `change(row, column, element)` of every element.
#[allow(unused_variables)]
pub(crate) fn map(sums: &Fragment<f32>, change: impl Fn(u32, u32, f32) -> f32) -> Fragment<f32> {
    unexpanded!()
}

/// What [`map`] becomes in a kernel.
pub(crate) mod map {
    use super::*;

    pub(crate) fn expand(
        scope: &Scope,
        sums: &FragmentExpand<f32>,
        mut change: impl FnMut(
            &Scope,
            NativeExpand<u32>,
            NativeExpand<u32>,
            NativeExpand<f32>,
        ) -> NativeExpand<f32>,
    ) -> FragmentExpand<f32> {
        let [index, number] = [u32::__expand_as_type(scope), f32::__expand_as_type(scope)];
        let signature = FunctionType::get(scope.ctx(), vec![index, index, number], vec![number]);
        let name = scope.func_ident(Some("of_element"));
        let function = FuncOp::new(scope.ctx_mut(), name.clone(), signature);
        let body = function.get_entry_block(scope.ctx());
        let [row, column, element] = [0, 1, 2].map(|i| body.deref(scope.ctx()).get_argument(i));
        let inner = scope.func_child(OpInserter::new_at_block_end(body));
        let changed = change(&inner, row.into(), column.into(), element.into()).value(&inner);
        inner.register(&ReturnOp::new_with_value(scope.ctx_mut(), changed));
        let captured = lift_closure(scope.ctx(), &function);
        scope.register_func(function);
        let (ident, layout) = (MatrixIdent::Accumulator, MatrixLayout::Undefined);
        let result = FragmentExpand::declared(scope, ident, layout, sums.side);
        let [from, to] = [sums.variable, result.variable];
        scope.register(&ElementwiseOp::new(scope.ctx_mut(), from, to, name, captured));
        result
    }
}
