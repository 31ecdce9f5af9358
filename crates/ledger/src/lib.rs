//! Records of finished cells, the passport, and what remains to do.
