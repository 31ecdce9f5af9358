//! Where JSON objects begin and end.

use std::mem::take;

/// Cuts a stream of bytes into its outermost objects. Commas and the brackets of an array around
/// them are passed over.
#[derive(Debug)]
pub(in crate::source) struct Objects {
    /// Of the object being read; empty outside of one.
    bytes: Vec<u8>,
    depth: u64,
    in_string: bool,
    escaped: bool,
    line: u64,
    begun_on: u64,
    /// Inside of something that is no object.
    junk: bool,
}

impl Default for Objects {
    fn default() -> Self {
        let bytes = Vec::new();
        let (depth, line, begun_on) = (0, 1, 1);
        Self { bytes, depth, in_string: false, escaped: false, line, begun_on, junk: false }
    }
}

impl Objects {
    /// Takes the next bytes, and adds the line and the bytes of every object that ends in them. What is no
    /// object adds its line alone.
    pub(in crate::source) fn push(
        &mut self,
        block: &[u8],
        found: &mut Vec<(u64, Option<Vec<u8>>)>,
    ) {
        for &byte in block {
            if self.depth > 0 {
                self.bytes.push(byte);
                self.inside(byte);
                if self.depth == 0 {
                    found.push((self.begun_on, Some(take(&mut self.bytes))));
                }
            } else if byte == b'{' {
                (self.depth, self.begun_on, self.junk) = (1, self.line, false);
                self.bytes.push(byte);
            } else if b",[]".contains(&byte) {
                self.junk = false;
            } else if !byte.is_ascii_whitespace() && !self.junk {
                self.junk = true;
                found.push((self.line, None));
            }
            self.line += u64::from(byte == b'\n');
        }
    }

    /// Bytes of an object that has not ended yet.
    pub(in crate::source) fn pending(&self) -> usize {
        self.bytes.len()
    }

    /// The line on which the last object began.
    pub(in crate::source) fn begun_on(&self) -> u64 {
        self.begun_on
    }

    fn inside(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.in_string => self.escaped = true,
            b'"' => self.in_string = !self.in_string,
            b'{' | b'[' if !self.in_string => self.depth += 1,
            b'}' | b']' if !self.in_string => self.depth -= 1,
            _ => {}
        }
    }
}

/// The objects of a text that is nothing but whole objects; `None` for any other.
pub(in crate::source) fn all_objects(text: &[u8]) -> Option<Vec<&[u8]>> {
    let (mut objects, mut found) = (Objects::default(), Vec::new());
    let (mut out, mut begin) = (Vec::new(), 0);
    for (at, byte) in text.iter().enumerate() {
        if objects.pending() == 0 {
            begin = at;
        }
        objects.push(std::slice::from_ref(byte), &mut found);
        for (_, object) in found.drain(..) {
            out.push(object.map(|_| &text[begin..=at])?);
        }
    }
    (objects.pending() == 0 && !out.is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn objects_of_arrays_and_lines() {
        let text = b"[{\"a\": \"}\\\"{\"},\n {\"b\": [{}]}]\n{\"c\": 1}{\"d\": 2}";
        let objects = all_objects(text).unwrap();
        let expected: [&[u8]; 4] =
            [b"{\"a\": \"}\\\"{\"}", b"{\"b\": [{}]}", b"{\"c\": 1}", b"{\"d\": 2}"];
        assert_eq!(objects, expected);
        let mut found = Vec::new();
        Objects::default().push(text, &mut found);
        assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), [1, 2, 3, 3]);
        for other in [&b"{\"a\": 1"[..], b"1", b"{\"a\": 1} tail", b""] {
            assert_eq!(all_objects(other), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_odd(bytes in prop::collection::vec(prop::sample::select(&b"{}[]\",\\ a\n1"[..]), 0..60)) {
            let mut found = Vec::new();
            Objects::default().push(&bytes, &mut found);
            for (line, object) in found {
                prop_assert!(line >= 1);
                let object = object.is_none_or(|o| o.first() == Some(&0x7b));
                prop_assert!(object);
            }
        }
    }
}
