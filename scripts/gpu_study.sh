#!/usr/bin/env bash
# A GPU's reference study in under half an hour: does it compute right, how fast is it beside PyTorch, and a small sweep.
#
#   scripts/gpu_study.sh --out results/my-gpu [options]
#
#   --out FOLDER       where everything goes; it can be committed as it is
#   --sweep FILE       the built program (default: target/release/sweep); it needs nothing but the C library
#   --data FOLDER      text files to train on (default: the synthetic language)
#   --debs FOLDER      .deb files to take the Vulkan loader from, where the system has none: `apt-get download libvulkan1`
#                      (NVIDIA's driver also wants libegl1 libglvnd0 libgl1 libglx0)
#   --python PROGRAM   Python with PyTorch and numpy (default: python3); without PyTorch, Isoflop alone is measured
#   --device NAME      adapter, see `sweep devices` (default: gpu)
#   --minutes N        time for everything (default: 28)
#   --parts LIST       some of checks,study,shapes,details (default: all, in this order): where a command may not take as long as
#                      everything, one call after the other fills the same folder
#   --tiny             models of a few thousand parameters: tries the script itself, on a software adapter too
#
# Every part has its own time limit; one that fails or runs out of time does not keep the others from running. README.md
# in the folder says what came of each. VK_DRIVER_FILES is respected.

set -u
cd "$(dirname "$0")/.."
repository=$PWD

sweep=target/release/sweep data= debs= python=python3 device=gpu minutes=28 tiny= out=
known=checks,study,shapes,details parts=$known
usage() { sed -n '2,/^$/s/^# \{0,1\}//p' "$repository/scripts/gpu_study.sh"; }
fail() { printf 'error: %s\nhint: %s\n' "$1" "$2" >&2; exit 2; }
while [ $# -gt 0 ]; do
    case $1 in
        --tiny) tiny=1; shift; continue ;;
        -h | --help) usage; exit 0 ;;
        --out | --sweep | --data | --debs | --python | --device | --minutes | --parts) ;;
        *) fail "there is no option $1" "scripts/gpu_study.sh --help lists them" ;;
    esac
    [ $# -ge 2 ] || fail "$1 has no value" "scripts/gpu_study.sh --help"
    declare "${1#--}=$2"
    shift 2
done
[ -n "$out" ] || fail "--out is missing" "name the folder to write, such as --out results/my-gpu"
[ -x "$sweep" ] || fail "$sweep is no program" "build it with cargo build --release, or name it with --sweep"
[ -z "$data" ] || [ -d "$data" ] || fail "--data is $data, which is no folder" "name a folder of text files"
case $minutes in *[!0-9.]* | '' | .) fail "--minutes is $minutes" "give a number such as 8.5" ;; esac
[ -n "${parts//,/}" ] || fail "--parts is empty" "choose of $known"
[ ! -e "$out/README.md" ] || [ -d "$out/log" ] || fail "$out has a README.md of something else" "name a folder that does not exist"
for group in ${parts//,/ }; do
    case ,$known, in *,"$group",*) ;; *) fail "there is no part $group" "choose of $known" ;; esac
    [ ! -e "$out/log/$group.parts" ] || fail "$out has the part $group already" "name a folder that does not exist, or other --parts"
done

mkdir -p "$out/log" || fail "$out cannot be made" "name a folder that can be written to"
out=$(realpath "$out") sweep=$(realpath "$sweep")
[ -z "$data" ] || data=$(realpath "$data")
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
started=$SECONDS
deadline=$((started + $(awk "BEGIN { print int(60 * $minutes) }")))
wanted() { case ,$parts, in *,"$1",*) current=$out/log/$1.parts && : >"$current" ;; *) return 1 ;; esac; }

# part NAME LIMIT FILE COMMAND...: stdout to FILE, stderr to log/NAME.log; returns the command's code.
part() {
    local name=$1 limit=$2 file=$3 begun=$SECONDS code word
    shift 3
    [ "$limit" -le $((deadline - SECONDS)) ] || limit=$((deadline - SECONDS))
    if [ "$limit" -lt 3 ]; then
        printf '| %s | left out: no time | |\n' "$name" >>"$current"
        echo "$name: left out, no time" >&2
        return 124
    fi
    timeout -k 5 "$limit" "$@" >"$file" 2>"$out/log/$name.log" </dev/null
    code=$?
    case $code in
        0) word=done ;;
        124 | 137) word="stopped after $limit s" ;;
        *) word="failed (code $code), see log/$name.log" ;;
    esac
    [ ! -f "$file" ] || [ -s "$file" ] || rm -f "$file" # never /dev/null
    printf '| %s | %s | %s |\n' "$name" "$word" $((SECONDS - begun)) >>"$current"
    echo "$name: $word, $((SECONDS - begun)) s" >&2
    return $code
}

# The Vulkan loader: the system's, else that of the .deb files, unpacked aside. Then the driver, where it hides.
unpack() {
    dpkg-deb -x "$1" "$work/debs" 2>/dev/null || (cd "$work" && ar x "$1" && tar -C debs -xf data.tar.*) 2>/dev/null
}
sees_gpu() { timeout 20 "$sweep" devices 2>/dev/null | grep -q '^\(vulkan\|metal\|dx12\):'; }
loader() {
    if ! sees_gpu && [ -n "$debs" ]; then
        mkdir -p "$work/debs"
        for deb in "$debs"/*.deb; do unpack "$(realpath "$deb")" || echo "$deb cannot be unpacked" >&2; done
        folders=$(find "$work/debs" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
        export LD_LIBRARY_PATH="$folders${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
    fi
    if ! sees_gpu && [ -z "${VK_DRIVER_FILES:-}" ]; then
        found=$(find /usr /etc /opt -name 'nvidia_icd*.json' 2>/dev/null | head -1)
        [ -z "$found" ] || export VK_DRIVER_FILES=$found
    fi
    sees_gpu || echo "no adapter is seen: is there a Vulkan driver, and a loader (--debs)?" >&2
}

if [ -n "$tiny" ]; then
    shapes="L1d16h2V64x2x16@auto L2d32h1V256x2x16@1" seconds=0.3 rounds=2
    grid='budgets = [1e8, 2e8]
widths = [8, 16]
min_steps = 30' context=16 valid=512 train='batch_tokens = 64
'
else
    shapes="L4d128h4V4096x64x256@auto L8d512h8V8192x32x512@auto L12d768h12V16384x16x1024@auto" seconds=2 rounds=3
    grid='budgets = [2e11, 4e11, 8e11, 1.6e12, 3.2e12]
sizes = 6' context=256 valid=65_536 train=
fi

loader
if wanted checks; then
    part devices 20 "$out/devices.txt" "$sweep" devices --device "$device"
    part system 20 "$out/system.txt" sh -c 'uname -srm; nvidia-smi || true; vulkaninfo --summary || true'
    for shader in spirv wgsl; do
        part "selftest-$shader" 190 "$out/selftest-$shader.txt" "$sweep" devices --device "$device" --test --shader $shader --limit 180
    done
fi

# The fastest precision that the adapter computes right; a first use of the kernels besides.
# Parts that are made later compute in the same.
precision=$(cat "$out/log/precision" 2>/dev/null || echo f32)
[ -s "$out/log/precision" ] || for half in bf16 f16; do
    timeout 60 "$sweep" bench --shapes L1d32h2V64x2x16 --seconds 0.1 --rounds 1 --device "$device" --precision $half \
        >"$out/log/precision-$half.txt" 2>&1 </dev/null && precision=$half && break
done
[ $precision = f32 ] || echo "$precision" >"$out/log/precision"
echo "products in $precision" >&2

torch=
"$python" -c 'import torch, numpy' 2>/dev/null && torch=1 || echo "$python has no PyTorch: Isoflop alone is measured" >&2
torch_precision=$("$python" -c 'import torch; print("bf16" if torch.cuda.is_available() else "f32")' 2>/dev/null)

# A small study, in a folder where its configuration's relative paths hold. What a stop leaves of it is compared, and has a report.
small_study() (
    cd "$work" || exit 1
    source='source = "synthetic"'
    [ -z "$data" ] || { ln -s "$data" data; source='source = "text"
paths = ["data/**/*"]'; }
    cat >study.toml <<TOML
# The small study of scripts/gpu_study.sh.
[data]
$source
valid_tokens = $valid

[model]
context = $context

[grid]
$grid

[train]
${train}precision = "$precision"
checkpoint_seconds = 20

[device]
name = "$device"
TOML
    part plan 60 "$work/plan.json" "$sweep" plan --config study.toml --no-measure --json
    if [ -n "$torch" ] && [ -s plan.json ]; then
        tokens=()
        train_tokens=$(find runs -name train.tokens 2>/dev/null | head -1)
        [ -z "$train_tokens" ] || tokens=(--train-tokens "$train_tokens" --valid-tokens "${train_tokens%train.tokens}valid.tokens")
        part study 250 /dev/null "$python" "$repository/scripts/compare_pytorch.py" --cells plan.json "${tokens[@]}" \
            --ours "timeout 150 $(printf '%q' "$sweep") --config study.toml --results study" --out "$out/compare-study" \
            --limit 60 --modes eager --precision "$torch_precision"
    else
        part study 150 /dev/null "$sweep" --config study.toml --results study
    fi
    [ -s study/report.html ] || part report 20 /dev/null "$sweep" report study
    [ ! -d study ] || { rm -rf study/checkpoints && cp -r study "$out/"; }
)
if wanted study; then small_study; fi

bench=("$sweep" bench --device "$device" --seconds $seconds --rounds 3)
if wanted shapes; then
    for entry in $shapes; do
        shape=${entry%@*} replicas=${entry#*@}
        ours=("${bench[@]}" --precision $precision --replicas "$replicas")
        # Alone first: kernels are compiled and tuned once, and a figure is there whatever PyTorch does.
        part "bench-$shape" 120 "$out/bench-$shape.json" "${ours[@]}" --shapes "$shape" --json
        [ -z "$torch" ] || part "compare-$shape" 160 /dev/null "$python" "$repository/scripts/compare_pytorch.py" \
            --shapes "$shape" --ours "$(printf '%q ' "${ours[@]}")" --out "$out/compare-$shape" --rounds $rounds \
            --limit 60 --seconds $seconds --warm-up 1 --precision "$torch_precision"
    done
fi

# Kernels against tensor operations, one by one and as whole steps, and what half precision is worth.
if wanted details; then
    for entry in $shapes; do
        shape=${entry%@*}
        part "operations-$shape" 90 "$out/operations-$shape.txt" "$sweep" bench --device "$device" --operations --precision $precision --seconds 0.2 --shapes "$shape"
        part "without-kernels-$shape" 90 "$out/without-kernels-$shape.json" "${bench[@]}" --precision $precision --kernels off --shapes "$shape" --json
        part "f32-$shape" 90 "$out/f32-$shape.json" "${bench[@]}" --precision f32 --shapes "$shape" --json
    done
fi

[ -s "$out/devices.txt" ] || timeout 20 "$sweep" devices --device "$device" >"$out/devices.txt" 2>"$out/log/devices.log"
id=$(sed -n 's/^.* picks \([a-z0-9:]*\): .*/\1/p' "$out/devices.txt" 2>/dev/null)
{
    echo "# $(sed -n "s/^${id:-none}  *\([^,]*\),.*/\1/p" "$out/devices.txt" 2>/dev/null)"
    printf '\nMade by `scripts/gpu_study.sh%s`; products in %s.\n\n| part | result | seconds |\n| --- | --- | ---: |\n' "${tiny:+ --tiny}" $precision
    for group in ${known//,/ }; do cat "$out/log/$group.parts" 2>/dev/null; done
    for file in "$out"/compare-*.md; do
        [ ! -e "$file" ] || { printf '\n## %s\n\n' "$(basename "$file" .md)"; cat "$file"; }
    done
} >"$out/README.md"
echo "written: $out" >&2
for group in ${parts//,/ }; do
    ! grep -q 'failed\|stopped\|left out' "$out/log/$group.parts" || exit 1
done
