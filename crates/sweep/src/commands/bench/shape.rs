//! Models as they are named on the command line: `[gpt2:]L4d64h2V256x16x128`.

use isoflop_plan::{DepthRule, Family, ModelConfig, Shape};

/// How a shape is written, for messages.
const FORM: &str = "[gpt2:]L<depth>d<width>h<heads>[H<hidden>]V<vocabulary>x<sequences>x<context>";

/// Tokens of one replica's batch at most.
const MOST_TOKENS: usize = 1 << 24;

/// A number of the notation: what stands in front of it, what it is, how large it may be.
struct Part {
    mark: char,
    name: &'static str,
    most: usize,
    optional: bool,
}

const PARTS: [Part; 7] = [
    Part { mark: 'L', name: "depth", most: 1024, optional: false },
    Part { mark: 'd', name: "width", most: 1 << 16, optional: false },
    Part { mark: 'h', name: "heads", most: 1 << 15, optional: false },
    Part { mark: 'H', name: "hidden", most: 1 << 18, optional: true },
    Part { mark: 'V', name: "vocabulary", most: 1 << 20, optional: false },
    Part { mark: 'x', name: "sequences", most: 1 << 20, optional: false },
    Part { mark: 'x', name: "context", most: 1 << 20, optional: false },
];

/// A model and its batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// As it was written.
    pub name: String,
    /// The architecture.
    pub shape: Shape,
    /// Sequences per batch.
    pub sequences: usize,
}

impl Model {
    /// Reads a name. Without a hidden width it is that of the planner's rule.
    ///
    /// # Errors
    ///
    /// What is wrong and where, and a hint.
    pub fn parse(name: &str) -> Result<Self, String> {
        let wrong = |what: String, hint: &str| Err(format!("shape {name:?}: {what}\nhint: {hint}"));
        let (family, text) = match name.split_once(':') {
            None => (Family::Llama, name),
            Some(("llama", rest)) => (Family::Llama, rest),
            Some(("gpt2", rest)) => (Family::Gpt2, rest),
            Some((other, _)) => {
                return wrong(
                    format!("there is no family {other:?}"),
                    "write gpt2: or llama: in front, or nothing for llama",
                );
            }
        };
        let mut rest = text;
        let mut numbers = [None; PARTS.len()];
        for (part, number) in PARTS.iter().zip(&mut numbers) {
            let Some(after) = rest.strip_prefix(part.mark) else {
                if part.optional {
                    continue;
                }
                let place = if rest.is_empty() { "the end".into() } else { format!("{rest:?}") };
                let what = format!("{}<{}> is missing at {place}", part.mark, part.name);
                return wrong(what, &format!("write {FORM}, such as L2d32h1V256x16x64"));
            };
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            let (value, after) = after.split_at(digits);
            *number = value.parse().ok().filter(|n| (1..=part.most).contains(n));
            if number.is_none() {
                let what = format!("{} is {value:?}", part.name);
                return wrong(what, &format!("{} is from 1 to {}", part.name, part.most));
            }
            rest = after;
        }
        if !rest.is_empty() {
            return wrong(format!("{rest:?} is too much at its end"), &format!("write {FORM}"));
        }
        let [depth, width, heads, _, vocab, sequences, context] = numbers.map(|n| n.unwrap_or(0));
        if !width.is_multiple_of(heads) || !(width / heads).is_multiple_of(2) {
            return wrong(
                format!("{heads} heads do not divide width {width} into heads of even size"),
                &match width % 2 {
                    0 => format!("heads must divide {}", width / 2),
                    _ => "the width must be even".into(),
                },
            );
        }
        if sequences * context > MOST_TOKENS {
            return wrong(
                format!("a batch of {sequences} x {context} tokens is too large"),
                &format!("sequences times context is at most {MOST_TOKENS}"),
            );
        }
        let rule = ModelConfig {
            family,
            context,
            depth: DepthRule::Fixed(depth),
            head_dim: Some(width / heads),
            mlp_ratio: None,
        };
        let shape = match rule.shape(width, vocab) {
            Ok(shape) => shape,
            Err(error) => return wrong(error.to_string(), "choose other heads"),
        };
        let hidden = numbers[3].unwrap_or(shape.hidden);
        Ok(Self { name: name.to_owned(), shape: Shape { hidden, ..shape }, sequences })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(name: &str) -> Shape {
        Model::parse(name).unwrap().shape
    }

    #[test]
    fn names_are_read() {
        let model = Model::parse("L4d64h2V256x16x128").unwrap();
        let llama = Shape {
            family: Family::Llama,
            depth: 4,
            width: 64,
            heads: 2,
            hidden: 168,
            vocab: 256,
            context: 128,
        };
        assert_eq!((model.shape, model.sequences), (llama, 16));
        assert_eq!(shape("llama:L4d64h2V256x16x128"), llama);
        assert_eq!(shape("L4d64h2H176V256x16x128"), Shape { hidden: 176, ..llama });
        let gpt2 = Shape { family: Family::Gpt2, hidden: 256, ..llama };
        assert_eq!(shape("gpt2:L4d64h2V256x16x128"), gpt2);
    }

    /// The hidden widths that the PyTorch side gives the same names.
    #[test]
    fn hidden_widths_follow_the_rule() {
        for (width, hidden) in
            [(32, 88), (64, 168), (128, 336), (256, 688), (512, 1344), (768, 2048)]
        {
            assert_eq!(shape(&format!("L1d{width}h1V8x1x8")).hidden, hidden, "width {width}");
        }
    }

    #[test]
    fn mistakes_say_where_and_what_to_do() {
        let cases = [
            ("", "L<depth> is missing at the end"),
            ("L4d64h2", "V<vocabulary> is missing at the end"),
            ("L4d64V256x16x128", "h<heads> is missing at \"V256x16x128\""),
            ("L4d64h2V256x16", "x<context> is missing at the end"),
            ("L4d64h2V256x16x128x2", "\"x2\" is too much"),
            ("L0d64h2V256x16x128", "depth is \"0\""),
            ("Ld64h2V256x16x128", "depth is \"\""),
            ("L4d64h2V99999999999999999999x16x128", "vocabulary is"),
            ("L4d64h3V256x16x128", "3 heads do not divide width 64"),
            ("L4d66h33V256x16x1048577", "context is"),
            ("L4d64h64V256x16x128", "into heads of even size\nhint: heads must divide 32"),
            ("L4d65h5V256x16x128", "\nhint: the width must be even"),
            ("L4d64h2V256x1000000x1000000", "is too large"),
            ("bert:L4d64h2V256x16x128", "no family \"bert\""),
            ("L4d64h2V256x16x128é", "is too much"),
        ];
        for (name, what) in cases {
            let error = Model::parse(name).unwrap_err();
            assert!(error.starts_with(&format!("shape {name:?}: ")), "{error}");
            assert!(error.contains(what), "{error}");
            assert_eq!(error.matches("\nhint: ").count(), 1, "{error}");
        }
    }
}
