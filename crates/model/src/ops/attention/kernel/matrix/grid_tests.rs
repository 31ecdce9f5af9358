use super::*;

#[test]
fn every_head_has_tiles_on_large_and_small_planes() {
    for (side, lanes, limit) in
        [(16, 32, 48 << 10), (8, 8, 32 << 10), (8, 32, 48 << 10), (16, 64, 64 << 10)]
    {
        let mut found = [0; 3];
        for head_dim in (16..=128).step_by(16) {
            let grid = Grid::of(head_dim, side, lanes, false);
            for (kernel, found) in [&FORWARD, &QUERIES, &KEYS].into_iter().zip(&mut found) {
                for grid in grid.all(kernel, Scores::Shared, limit) {
                    assert!(grid.down > 0 && grid.across > 0 && grid.chunk > 0, "{grid:?}");
                    assert!(grid.bytes(kernel) <= limit && grid.units() <= 1024, "{grid:?}");
                }
                *found += usize::from(grid.best(kernel, Scores::Shared, limit).is_some());
            }
        }
        // Queries of large heads have no tiles for planes of 64.
        let all = if lanes == 64 { [8, 5, 8] } else { [8; 3] };
        assert_eq!(found, all, "heads with tiles: fragments of {side}, planes of {lanes}");
    }
}

#[test]
fn every_head_keeps_its_scores_in_fragments_within_48_kib() {
    for (side, lanes) in [(16, 32), (8, 8)] {
        for head_dim in (side..=128).step_by(side) {
            let grid = Grid::of(head_dim, side, lanes, false);
            for scores in [Scores::Fragments, Scores::WideFragments] {
                for kernel in [&FORWARD, &QUERIES, &KEYS] {
                    let best = grid.best(kernel, scores, 48 << 10).expect("a shape fits");
                    let wide = grid.deep <= 2 || scores == Scores::WideFragments && grid.deep <= 4;
                    assert_eq!(best.down, if wide { 2 } else { 1 }, "{best:?}");
                    assert!(best.held && best.bytes(kernel) <= 48 << 10, "{best:?}");
                }
            }
        }
    }
}

#[test]
fn rows_of_any_even_head_are_fetched_in_the_widest_pieces() {
    let of = |head_dim, side| {
        let grid = Grid::of(head_dim, side, 32, false);
        (grid.piece, grid.pieces(), grid.lines(), grid.is_whole())
    };
    assert_eq!(of(64, 16), (4, 8, 8, true));
    assert_eq!(of(24, 16), (4, 3, 4, false));
    assert_eq!(of(24, 8), (4, 3, 3, true));
    assert_eq!(of(20, 16), (2, 5, 4, false));
    assert_eq!(of(22, 8), (1, 11, 3, false));
}
