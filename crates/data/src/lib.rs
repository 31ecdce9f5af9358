//! Sources, tokenizers, token shards and batch order.
