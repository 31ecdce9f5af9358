//! The stacked transformer, its operations and their backward passes.
