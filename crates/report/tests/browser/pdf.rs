//! What a PDF of Chromium says of its sheets: their size, and the scale at which the page was put on them.

use std::io::Read;

#[derive(Debug, PartialEq)]
pub struct Sheet {
    /// Width and height, points.
    pub size: (f64, f64),
    /// Points per CSS pixel; 0.75 unless the page was shrunk.
    pub scale: f64,
    /// Colour of the first fill: the ground.
    pub ground: String,
}

/// Every sheet, in order.
pub fn sheets(pdf: &[u8]) -> Vec<Sheet> {
    let objects = objects(pdf);
    let pages = objects.iter().filter(|(_, body)| {
        let text = head(body);
        text.contains("/Type /Page\n")
            || text.contains("/Type /Page/")
            || text.ends_with("/Type /Page")
    });
    pages.map(|(_, body)| sheet(&head(body), &objects)).collect()
}

fn sheet(page: &str, objects: &[(u32, &[u8])]) -> Sheet {
    let area = page.split_once("/MediaBox [").expect("a sheet has a size").1;
    let area: Vec<f64> = numbers(area.split_once(']').unwrap().0);
    let contents: u32 = page
        .split_once("/Contents ")
        .expect("a sheet has contents")
        .1
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let (_, body) = objects.iter().find(|(number, _)| *number == contents).unwrap();
    let drawn = stream(body);
    // The first transformation turns points into the device's units, the next pixels into those.
    let mut scales = drawn.split('\n').filter_map(|line| line.strip_suffix(" cm")).map(numbers);
    let mut next = || scales.next().map(|matrix| matrix[0]).expect("a sheet is transformed");
    let fill = drawn.split('\n').find_map(|line| line.strip_suffix(" rg")).expect("a ground");
    let words: Vec<&str> = fill.split(' ').collect();
    Sheet {
        size: (area[2] - area[0], area[3] - area[1]),
        scale: next() * next(),
        ground: words[words.len() - 3..].join(" "),
    }
}

fn numbers(text: &str) -> Vec<f64> {
    text.split_whitespace().map(|word| word.parse().unwrap()).collect()
}

/// Number and bytes of each object of the file.
fn objects(pdf: &[u8]) -> Vec<(u32, &[u8])> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = find(pdf, b" 0 obj", from) {
        let line = pdf[..at].iter().rposition(|b| !b.is_ascii_digit()).map_or(0, |i| i + 1);
        let end = find(pdf, b"endobj", at).unwrap_or(pdf.len());
        let number = std::str::from_utf8(&pdf[line..at]).unwrap().parse().unwrap();
        found.push((number, &pdf[at + 6..end]));
        from = end;
    }
    found
}

/// The dictionary of an object.
fn head(body: &[u8]) -> String {
    let end = find(body, b"stream", 0).unwrap_or(body.len());
    String::from_utf8_lossy(&body[..end]).trim().trim_end_matches(">>").trim_end().to_owned()
}

fn stream(body: &[u8]) -> String {
    let start = find(body, b"stream", 0).expect("a stream") + 6;
    let start = start + body[start..].iter().take_while(|b| b"\r\n".contains(b)).count();
    let mut bytes = Vec::new();
    flate2::read::ZlibDecoder::new(&body[start..]).read_to_end(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn find(bytes: &[u8], what: &[u8], from: usize) -> Option<usize> {
    bytes[from..].windows(what.len()).position(|w| w == what).map(|i| i + from)
}
