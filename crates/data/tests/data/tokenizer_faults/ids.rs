//! Files that are no tokenizer, and vocabularies that cannot be.

use serde_json::{Value, json};

use super::*;

#[test]
fn files_and_ids_that_are_broken() {
    let word_level =
        |vocab: Value| json!({ "type": "WordLevel", "vocab": vocab, "unk_token": "[UNK]" });
    let bytes = base().to_string().into_bytes();
    let huge: serde_json::Map<String, Value> =
        (0..2_200_000_u64).map(|k| (k.to_string(), json!(k))).collect();
    check_refused(vec![
        ("empty", b"".to_vec(), "EOF"),
        ("blank", b"  \n ".to_vec(), "EOF"),
        ("torn", bytes[..bytes.len() / 2].to_vec(), "EOF"),
        ("torn by a byte", bytes[..bytes.len() - 1].to_vec(), "EOF"),
        ("a tail", [&bytes[..], b"}"].concat(), "trailing"),
        ("no JSON", b"vocab.txt\nmerges.txt\n".to_vec(), "expected value"),
        ("UTF-16", b"\xff\xfe{\0}\0".to_vec(), "expected value"),
        ("not UTF-8", bytes.iter().map(|b| if *b == b'<' { 0xff } else { *b }).collect(), ""),
        ("NUL", vec![0; 5000], "expected value"),
        ("a list", b"[]".to_vec(), "invalid length"),
        ("a list of much", format!("[{}0]", "0,".repeat(100_000)).into_bytes(), ""),
        ("a number", b"7".to_vec(), "invalid type"),
        ("an empty object", b"{}".to_vec(), "missing field `model`"),
        (
            "of another file",
            br#"{"model_type": "gpt2", "vocab_size": 50257}"#.to_vec(),
            "missing field `model`",
        ),
        ("deep", format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000)).into_bytes(), ""),
        (
            "deep within",
            with(
                "/normalizer",
                (0..100)
                    .fold(json!(null), |n, _| json!({ "type": "Sequence", "normalizers": [n] })),
            ),
            "",
        ),
        ("another version", with("/version", json!("9.0")), "version"),
        ("no model", with("/model", json!(null)), "invalid type"),
        ("model of no type known", with_model(json!({ "type": "GPT", "vocab": {} })), ""),
        (
            "model without a vocabulary",
            with_model(json!({ "type": "BPE", "merges": [] })),
            "missing field `vocab`",
        ),
        ("an empty vocabulary", with("/model/vocab", json!({})), ""),
        (
            "a vocabulary of a number",
            with("/model/vocab", json!(3)),
            "a vocabulary, tokens with their ids",
        ),
        ("a vocabulary of a list for BPE", with("/model/vocab", json!(["a", "b"])), ""),
        ("one id for all", with_ids(|_| json!(0)), "two tokens of its vocabulary have the id 0"),
        (
            "one id twice",
            with("/model/vocab/a", json!(7)),
            "two tokens of its vocabulary have the id 7",
        ),
        (
            "an added token's id that is taken",
            with("/model", word_level(json!({ "[UNK]": 0, "a": 1, "b": 3 }))),
            "both have the id 3",
        ),
        (
            "ids at the end of 32 bits",
            with_ids(|id| json!(u64::from(u32::MAX) - id)),
            "ids up to 4,294,967,295",
        ),
        (
            "ids beyond 32 bits",
            with_ids(|id| json!(u64::from(u32::MAX) + 7 * id)),
            "no more than 2,097,152",
        ),
        (
            "ids beyond 64 bits",
            String::from_utf8(bytes.clone())
                .unwrap()
                .replace("\"a\":65", "\"a\":99999999999999999999999")
                .into_bytes(),
            "invalid type",
        ),
        ("sparse ids", with_ids(|id| json!(id * 1_000_003)), "ids up to 256,000,768"),
        (
            "sparse ids within the limit",
            with_ids(|id| json!(id * 8000)),
            "most of which stand for nothing",
        ),
        ("a negative id", with("/model/vocab/a", json!(-1)), "-1"),
        ("an id with a fraction", with("/model/vocab/a", json!(1.5)), "1.5"),
        ("an id in quotes", with("/model/vocab/a", json!("65")), "65"),
        ("an id of nothing", with("/model/vocab/a", json!(null)), "null"),
        (
            "a huge vocabulary",
            with("/model/vocab", Value::Object(huge)),
            "its vocabulary has 2,200,001 tokens",
        ),
        (
            "an added id that is huge",
            with("/added_tokens", json!([added(u64::MAX, "<|endoftext|>")])),
            "no more than 2,097,152",
        ),
        ("a negative added id", with("/added_tokens/0/id", json!(-5)), "-5"),
        ("an added token of nothing", with("/added_tokens", json!([added(0, "")])), ""),
        ("no separator", with("/added_tokens/0/content", json!("<none>")), ""),
        (
            "added tokens of many bytes",
            with(
                "/added_tokens",
                json!([added(0, "<|endoftext|>"), added(257, &"x".repeat(5 << 20))]),
            ),
            "added tokens have 5,242,893 bytes",
        ),
        ("added tokens in no list", with("/added_tokens", json!({ "a": 1 })), "invalid type"),
    ]);
}
