//! From a stack of cells to outcomes.
