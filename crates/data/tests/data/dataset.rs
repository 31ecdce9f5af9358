//! The `burn_dataset::Dataset` of a corpus.

use std::sync::Arc;

use burn_dataset::Dataset;
use isoflop_data::{Corpus, LanguageOptions, WindowDataset};

#[test]
fn serves_the_windows_of_the_corpus() {
    let options = LanguageOptions { vocab: 32, word_end: 0.3, exponent: 2.0, seed: 1 };
    let corpus = Arc::new(Corpus::synthetic(options, 1000));
    let valid = WindowDataset::valid(corpus.clone(), 50);
    assert_eq!(valid.len(), 20);
    let mut window = vec![0; 51];
    corpus.valid_sequence(7, 50, &mut window);
    let item = valid.get(7).unwrap();
    assert_eq!(item.tokens, window);
    assert_eq!(item.inputs(), &window[..50]);
    assert_eq!(item.targets(), &window[1..]);

    let train = WindowDataset::train(corpus.clone(), 50, 3, 10);
    corpus.train_sequence(3, 9, 50, &mut window);
    assert_eq!(train.get(9).unwrap().tokens, window);
    assert_eq!(train.iter().count(), 10);
}
