//! A stack's state as the bytes of one safetensors file.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::io::Read;

use isoflop_durable::hex;
use isoflop_plan::{CellId, Stack};
use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorView, serialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::replica::Replica;

/// Raised when the file's layout changes.
const FORMAT: u32 = 3;
/// Names of the file's metadata: the [`Header`], and its [`checksum`].
const STATE: &str = "isoflop";
const CHECKSUM: &str = "sha256";
const NO_STATE: &str = "it has no training state";
/// Groups of tensors in the file, in its order.
const GROUPS: [&str; 3] = ["weights", "first", "second"];

/// Names, rows and columns of a model's weights, in their order. The file holds three tensors `[R, rows, columns]` of `f32` for
/// each: the weights of all replicas, and their first and second moments.
pub type Layout = [(String, usize, usize)];

/// Why a file is no checkpoint of a stack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Damage(pub String);

/// What a file holds.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint<'a> {
    /// Steps done.
    pub step: u64,
    pub replicas: Vec<Replica>,
    /// Little-endian elements of weights, first and second moments, each in the order of the layout.
    pub tensors: [Vec<&'a [u8]>; 3],
}

/// The part of the state that is not a tensor, as JSON in the file's header.
#[derive(Serialize, Deserialize)]
struct Header {
    format: u32,
    stack: String,
    cells: Vec<String>,
    step: u64,
    replicas: Vec<Replica>,
}

impl<'a> Checkpoint<'a> {
    /// Reads the bytes of a file.
    ///
    /// # Errors
    /// What is wrong with them, or that they are those of another stack.
    pub fn read(bytes: &'a [u8], stack: &Stack, layout: &Layout) -> Result<Self, Damage> {
        let damage = |error: &dyn std::fmt::Display| Damage(error.to_string());
        let (_, meta) = SafeTensors::read_metadata(bytes).map_err(|e| damage(&e))?;
        let text = kept(&meta, STATE)?;
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        // The version first: another format need not have this one's fields.
        let header: Format = serde_json::from_str(text).map_err(|e| damage(&e))?;
        if header.format != FORMAT {
            let what = format!("its format is {}, this program reads {FORMAT}", header.format);
            return Err(Damage(what));
        }
        let header: Header = serde_json::from_str(text).map_err(|e| damage(&e))?;
        if header.stack != stack.id || header.cells != cell_names(stack) {
            return Err(Damage("it belongs to other cells".into()));
        }
        fits(&header, stack)?;
        let file = SafeTensors::deserialize(bytes).map_err(|e| damage(&e))?;
        let r = header.replicas.len();
        let mut tensors = [Vec::new(), Vec::new(), Vec::new()];
        for (group, tensors) in GROUPS.iter().zip(&mut tensors) {
            for (name, rows, columns) in layout {
                let name = format!("{group}/{name}");
                let view = file.tensor(&name).map_err(|e| Damage(format!("{name}: {e}")))?;
                let want = [r, *rows, *columns];
                if view.dtype() != Dtype::F32 || view.shape() != want {
                    return Err(Damage(format!("{name} is {:?}, not {want:?}", view.shape())));
                }
                tensors.push(view.data());
            }
        }
        check(&meta, &file)?;
        Ok(Self { step: header.step, replicas: header.replicas, tensors })
    }
}

/// The bytes of a file. The tensors are little-endian elements of weights, first and second moments, as [`Checkpoint::read`] gives
/// them.
///
/// # Errors
/// Tensors that are not of the layout.
pub fn write(
    stack: &Stack,
    layout: &Layout,
    step: u64,
    replicas: &[Replica],
    tensors: [Vec<&[u8]>; 3],
) -> Result<Vec<u8>, Damage> {
    let mut views = Vec::new();
    let header = Header {
        format: FORMAT,
        stack: stack.id.clone(),
        cells: cell_names(stack),
        step,
        replicas: replicas.to_vec(),
    };
    let header = serde_json::to_string(&header).expect("a header is plain data");
    for (group, tensors) in GROUPS.iter().zip(&tensors) {
        for ((name, rows, columns), data) in layout.iter().zip(tensors) {
            let shape = vec![replicas.len(), *rows, *columns];
            let view = TensorView::new(Dtype::F32, shape, data);
            views.push((
                format!("{group}/{name}"),
                view.map_err(|e| Damage(format!("{name}: {e}")))?,
            ));
        }
    }
    let tensors = views.iter().zip(tensors.iter().flatten());
    let tensors = tensors.map(|((name, view), data)| (name.clone(), view.shape().to_vec(), *data));
    let sum = checksum(&header, tensors.collect());
    let meta = HashMap::from([(STATE.to_owned(), header), (CHECKSUM.to_owned(), sum)]);
    serialize(views, Some(meta)).map_err(|e| Damage(e.to_string()))
}

/// The cells of the stack that a file is of, and the steps done, as its header has them: its tensors are not read, and nothing is
/// verified.
///
/// # Errors
/// That it is none of this format.
pub fn cells_of(mut file: impl Read) -> Result<(Vec<CellId>, u64), Damage> {
    /// No header of a checkpoint comes near it.
    const MOST: u64 = 1 << 28;
    #[derive(Deserialize)]
    struct Named {
        #[serde(rename = "__metadata__")]
        meta: HashMap<String, String>,
    }
    let damage = |error: &dyn std::fmt::Display| Damage(error.to_string());
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|e| damage(&e))?;
    let length = u64::from_le_bytes(length);
    if length > MOST {
        return Err(Damage(format!("a header of {length} bytes")));
    }
    let mut text = Vec::new();
    file.take(length).read_to_end(&mut text).map_err(|e| damage(&e))?;
    let named: Named = serde_json::from_slice(&text).map_err(|e| damage(&e))?;
    let state = named.meta.get(STATE).ok_or_else(|| Damage(NO_STATE.into()))?;
    let header: Header = serde_json::from_str(state).map_err(|e| damage(&e))?;
    Ok((header.cells.into_iter().map(CellId).collect(), header.step))
}

/// Checks that a file is as it was written, whatever stack it is of.
///
/// # Errors
/// What is wrong with it.
pub fn verify(bytes: &[u8]) -> Result<(), Damage> {
    let damage = |error: &dyn std::fmt::Display| Damage(error.to_string());
    let (_, meta) = SafeTensors::read_metadata(bytes).map_err(|e| damage(&e))?;
    check(&meta, &SafeTensors::deserialize(bytes).map_err(|e| damage(&e))?)
}

fn kept<'a>(meta: &'a Metadata, key: &str) -> Result<&'a str, Damage> {
    let value = meta.metadata().as_ref().and_then(|kept| kept.get(key));
    value.map(String::as_str).ok_or_else(|| Damage(NO_STATE.into()))
}

fn check(meta: &Metadata, file: &SafeTensors) -> Result<(), Damage> {
    let tensors =
        file.iter().map(|(name, view)| (name.to_owned(), view.shape().to_vec(), view.data()));
    match checksum(kept(meta, STATE)?, tensors.collect()) == kept(meta, CHECKSUM)? {
        true => Ok(()),
        false => Err(Damage("its content does not match its checksum".into())),
    }
}

/// SHA-256 of the header's text and of the tensors, by name: name, shape and bytes.
fn checksum(header: &str, mut tensors: Vec<(String, Vec<usize>, &[u8])>) -> String {
    tensors.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let mut hash = Sha256::new_with_prefix(header);
    for (name, shape, bytes) in tensors {
        hash.update(format!("\n{name} {shape:?}\n"));
        hash.update(bytes);
    }
    hex(&hash.finalize())
}

/// Whether the replicas are such as the stack can have at that step: each with cells of its own, longest first, none of them
/// over, and losses of every step so far.
fn fits(header: &Header, stack: &Stack) -> Result<(), Damage> {
    let mut seen = BTreeSet::new();
    for replica in &header.replicas {
        let steps = |&cell: &usize| stack.cells.get(cell).map(|cell| cell.steps);
        let known: Option<Vec<u64>> = replica.cells.iter().map(steps).collect();
        let sound = known.as_ref().is_some_and(|steps| {
            replica.progress.len() == replica.cells.len()
                && steps.is_sorted_by_key(|steps| Reverse(*steps))
                && steps.first().is_some_and(|longest| header.step <= *longest)
                && replica.cells.iter().all(|cell| seen.insert(*cell))
                && replica.progress.iter().all(|progress| progress.steps() == Some(header.step))
        });
        if !sound {
            return Err(Damage("its replicas are not those of the stack".into()));
        }
    }
    Ok(())
}

fn cell_names(stack: &Stack) -> Vec<String> {
    stack.cells.iter().map(|c| c.id.0.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::CellProgress;
    use isoflop_plan::{Config, DataFacts, Grid};

    const LAYOUT: [(&str, usize, usize); 2] = [("embedding", 3, 2), ("head", 2, 3)];

    fn layout() -> Vec<(String, usize, usize)> {
        LAYOUT.map(|(name, rows, columns)| (name.to_owned(), rows, columns)).to_vec()
    }

    fn stack() -> Stack {
        let text = "[model]\ncontext = 64\n[grid]\nbudgets = [1e10, 2e10]\nsizes = 3\n";
        let config = Config::parse(text, "a.toml").unwrap();
        let facts = DataFacts {
            vocab: 64,
            train_tokens: None,
            data_sha256: "00".repeat(32),
            bytes_per_token: None,
        };
        let mut stack = Grid::build(&config, &facts).unwrap().stacks.remove(0);
        let mut other = stack.cells[0].clone();
        other.steps -= 1;
        stack.cells.push(other);
        stack
    }

    fn replica(cells: &[usize]) -> Replica {
        let mut progress = CellProgress::default();
        progress.count = 3;
        let progress = vec![progress; cells.len()];
        Replica { cells: cells.to_vec(), progress, lost: None }
    }

    fn bytes(stack: &Stack, step: u64, replicas: &[Replica]) -> Vec<u8> {
        let data: Vec<u8> = (0..24 * replicas.len()).map(|byte| byte as u8).collect();
        let tensors = || vec![&data[..], &data[..]];
        write(stack, &layout(), step, replicas, [tensors(), tensors(), tensors()]).unwrap()
    }

    #[test]
    fn what_is_written_is_read() {
        let stack = stack();
        let replicas = [replica(&[0]), replica(&[1])];
        let bytes = bytes(&stack, 3, &replicas);
        let read = Checkpoint::read(&bytes, &stack, &layout()).unwrap();
        assert_eq!((read.step, &read.replicas[..]), (3, &replicas[..]));
        assert!(read.tensors.iter().all(|group| group.len() == 2 && group[0].len() == 48));
        let cells: Vec<CellId> = stack.cells.iter().map(|cell| cell.id.clone()).collect();
        assert_eq!(cells_of(&bytes[..]), Ok((cells, 3)));
        for cut in [0, 7, 8, 100] {
            assert!(cells_of(&bytes[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn cut_files_and_other_stacks_are_told() {
        let stack = stack();
        let good = bytes(&stack, 3, &[replica(&[0, 1])]);
        let told = |bytes: &[u8], stack: &Stack| {
            Checkpoint::read(bytes, stack, &layout()).unwrap_err().to_string()
        };
        assert!(!told(&good[..good.len() - 1], &stack).is_empty());
        assert!(!told(b"", &stack).is_empty());
        let mut other = stack.clone();
        other.id = "other".into();
        assert_eq!(told(&good, &other), "it belongs to other cells");
        let longer = [("embedding".to_owned(), 4, 2)];
        let error = Checkpoint::read(&good, &stack, &longer).unwrap_err().to_string();
        assert_eq!(error, "weights/embedding is [1, 3, 2], not [1, 4, 2]");
    }

    #[test]
    fn no_flipped_bit_is_read() {
        let stack = stack();
        let good = bytes(&stack, 3, &[replica(&[0]), replica(&[1])]);
        let read = Checkpoint::read(&good, &stack, &layout()).unwrap();
        for bit in 0..good.len() * 8 {
            let mut flipped = good.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // Blanks that fill up the header may become other white space.
            if let Ok(found) = Checkpoint::read(&flipped, &stack, &layout()) {
                assert_eq!(found, read, "bit {bit}");
            }
        }
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        let error = Checkpoint::read(&flipped, &stack, &layout()).unwrap_err().to_string();
        assert_eq!(error, "its content does not match its checksum");
    }

    #[test]
    fn replicas_that_the_stack_cannot_have_are_told() {
        let stack = stack();
        let mut short = replica(&[0]);
        short.progress.clear();
        let mut behind = replica(&[0]);
        behind.progress[0].count = 2;
        let over = stack.cells[0].steps + 1;
        for (step, replicas) in [
            (3, vec![replica(&[7])]),
            (3, vec![replica(&[0]), replica(&[0])]),
            (3, vec![replica(&[1, 0])]),
            (3, vec![replica(&[])]),
            (3, vec![short]),
            (3, vec![behind]),
            (4, vec![replica(&[0])]),
            (over, vec![replica(&[0])]),
        ] {
            let bytes = bytes(&stack, step, &replicas);
            let error = Checkpoint::read(&bytes, &stack, &layout()).unwrap_err();
            assert_eq!(error.to_string(), "its replicas are not those of the stack");
        }
    }
}
