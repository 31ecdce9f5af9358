//! The `burn_dataset::Dataset` of a corpus.

use burn_dataset::transform::{Mapper, MapperDataset};
use isoflop_data::{Corpus, DataError, Dataset, LanguageOptions, Window};

fn corpus() -> Corpus {
    let options = LanguageOptions { vocab: 32, word_end: 0.3, exponent: 2.0, seed: 1 };
    Corpus::synthetic(options, 1000)
}

#[test]
fn serves_the_windows_of_the_corpus() {
    let corpus = corpus();
    let valid = corpus.windows(50).unwrap().valid();
    assert_eq!(valid.len(), 20);
    let mut window = vec![0; 51];
    corpus.valid_sequence(7, 50, &mut window);
    let item = valid.get(7).unwrap();
    assert_eq!(item.tokens, window);
    assert_eq!(item.inputs(), &window[..50]);
    assert_eq!(item.targets(), &window[1..]);

    let train = corpus.windows(50).unwrap().train(3, 10);
    corpus.train_sequence(3, 9, 50, &mut window);
    assert_eq!(train.get(9).unwrap().tokens, window);
    assert_eq!(train.iter().count(), 10);
}

#[test]
fn burns_transforms_take_it() {
    struct LastTarget;
    impl Mapper<Window, i32> for LastTarget {
        fn map(&self, window: &Window) -> i32 {
            window.tokens[window.tokens.len() - 1]
        }
    }
    let corpus = corpus();
    let train = corpus.windows(50).unwrap().train(3, 10);
    let last = MapperDataset::new(train, LastTarget);
    let mapped: Vec<i32> = last.iter().map(Result::unwrap).collect();
    let expected: Vec<i32> = train.iter().map(|w| w.unwrap().targets()[49]).collect();
    assert_eq!(mapped, expected);
}

#[test]
fn a_context_that_does_not_fit_is_an_error() {
    let corpus = corpus();
    let error = corpus.windows(1001).unwrap_err();
    assert!(matches!(error, DataError::TooSmall { .. }), "{error}");
    assert!(error.to_string().contains("context 1001"), "{error}");
    assert!(corpus.windows(0).is_err());
}
