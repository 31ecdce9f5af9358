//! Scaling laws fitted to runs, with intervals.
