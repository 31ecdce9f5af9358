//! Normalizers, pre_tokenizers and models that the library cannot work with, or should not.

use serde_json::{Value, json};

use super::*;

#[test]
fn steps_and_models_that_are_broken() {
    let string = |text: &str| json!({ "String": text });
    let regex = |text: &str| json!({ "Regex": text });
    let sequence =
        |key: &str, of: Value, count: usize| json!({ "type": "Sequence", key: vec![of; count] });
    let word_level =
        |vocab: Value| json!({ "type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]" });
    let split = |pattern: Value| json!({ "type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": false });
    check_refused(vec![
        (
            "an empty pattern",
            with("/normalizer", replace(string(""), "x")),
            "the pattern of a Replace in its normalizer is empty",
        ),
        ("an empty pattern for nothing", with("/normalizer", replace(string(""), "")), "is empty"),
        ("an empty expression", with("/normalizer", replace(regex(""), "x")), "is empty"),
        (
            "an empty pattern within others",
            with("/normalizer", sequence("normalizers", replace(string(""), "x"), 2)),
            "is empty",
        ),
        (
            "an empty pattern to split at",
            with("/pre_tokenizer", split(string(""))),
            "the pattern of a Split in its pre_tokenizer is empty",
        ),
        ("an expression that is none", with("/normalizer", replace(regex("(("), "x")), ""),
        (
            "an expression that is huge",
            with("/normalizer", replace(regex(&"(a{1000}){1000}".repeat(20)), "x")),
            "",
        ),
        (
            "an expression that is deep",
            with(
                "/normalizer",
                replace(regex(&format!("{}a{}", "(".repeat(8000), ")".repeat(8000))), "x"),
            ),
            "",
        ),
        (
            "an expression that is long",
            with("/normalizer", replace(regex(&"a".repeat(20_000)), "x")),
            "has 20000 bytes",
        ),
        (
            "a pattern of another kind",
            with("/normalizer", replace(json!({ "Glob": "*" }), "x")),
            "",
        ),
        (
            "text that grows",
            with("/normalizer", replace(string("a"), &"b".repeat(10_000))),
            "many times as long",
        ),
        (
            "text that grows by an expression",
            with("/normalizer", replace(regex("(?:(?:(?:.)))"), &"b".repeat(100))),
            "many times as long",
        ),
        (
            "text that grows again and again",
            with("/normalizer", sequence("normalizers", replace(string("a"), "aa"), 40)),
            "many times as long",
        ),
        (
            "bytes that grow again and again",
            with("/pre_tokenizer", sequence("pretokenizers", byte_level(), 40)),
            "many times as long",
        ),
        (
            "a long beginning",
            with("/normalizer", json!({ "type": "Prepend", "prepend": "x".repeat(1 << 20) })),
            "has 1048576 bytes",
        ),
        ("a normalizer of no type known", with("/normalizer", json!({ "type": "Shout" })), ""),
        ("a normalizer of a number", with("/normalizer", json!(3)), ""),
        (
            "a map of characters that is none",
            with("/normalizer", json!({ "type": "Precompiled", "precompiled_charsmap": "AAAA" })),
            "",
        ),
        (
            "a map of characters that lies",
            with(
                "/normalizer",
                json!({ "type": "Precompiled", "precompiled_charsmap": "/////w==" }),
            ),
            "",
        ),
        (
            "all is removed",
            with("/normalizer", replace(regex("(?s)."), "")),
            "no token of any of the text",
        ),
        (
            "all is removed by splitting",
            with(
                "/pre_tokenizer",
                json!({ "type": "Split", "pattern": regex("(?s).+"), "behavior": "Removed", "invert": false }),
            ),
            "no token of any of the text",
        ),
        (
            "pieces of no length",
            with("/pre_tokenizer", json!({ "type": "FixedLength", "length": 0 })),
            "cuts text into nothing",
        ),
        (
            "a pre_tokenizer of no type known",
            with("/pre_tokenizer", json!({ "type": "Telepathy" })),
            "",
        ),
        (
            "dropout",
            with_model(
                json!({ "type": "BPE", "dropout": 0.5, "vocab": base()["model"]["vocab"], "merges": [] }),
            ),
            "has dropout",
        ),
        (
            "dropout above 1",
            with_model(
                json!({ "type": "BPE", "dropout": 7.0, "vocab": base()["model"]["vocab"], "merges": [] }),
            ),
            "has dropout",
        ),
        ("merges of absent tokens", with("/model/merges", json!(["zz yy"])), "out of vocabulary"),
        (
            "merges that make absent tokens",
            with("/model/merges", json!(["a b"])),
            "out of vocabulary",
        ),
        ("merges of one", with("/model/merges", json!(["a"])), ""),
        ("merges of three", with("/model/merges", json!([["a", "b", "c"]])), ""),
        ("merges of numbers", with("/model/merges", json!([[1, 2]])), ""),
        (
            "a long prefix",
            with_model(
                json!({ "type": "BPE", "continuing_subword_prefix": "#".repeat(1 << 20), "vocab": base()["model"]["vocab"], "merges": [] }),
            ),
            "very long",
        ),
        (
            "words without end",
            with_model(
                json!({ "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 1_000_000_000, "vocab": { "[UNK]": 0 } }),
            ),
            "max_input_chars_per_word",
        ),
        (
            "no unknown token where it is needed",
            with_model(
                json!({ "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 100, "vocab": { "a": 1, "<|endoftext|>": 0 } }),
            ),
            "",
        ),
        (
            "words without an unknown one",
            with_model(word_level(json!({ "a": 1, "<|endoftext|>": 0 }))),
            "",
        ),
        (
            "unigrams without scores",
            with_model(json!({ "type": "Unigram", "unk_id": 0, "vocab": ["a", "b"] })),
            "",
        ),
        (
            "unigrams of no unknown",
            with_model(json!({ "type": "Unigram", "unk_id": 9, "vocab": [["a", -1.0]] })),
            "",
        ),
        (
            "unigrams of nothing",
            with_model(json!({ "type": "Unigram", "unk_id": 0, "vocab": [] })),
            "",
        ),
        (
            "unigrams of one twice",
            with_model(
                json!({ "type": "Unigram", "unk_id": 0, "vocab": [["<|endoftext|>", 0.0], ["a", -1.0], ["a", -2.0]] }),
            ),
            "",
        ),
        (
            "a truncation that cannot be",
            with(
                "/truncation",
                json!({ "direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 8 }),
            ),
            "",
        ),
    ]);
}
