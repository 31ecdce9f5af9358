#!/usr/bin/env bash
# A GPU's reference study in eight minutes: does it compute right, how fast is it and how soon, a small sweep, PyTorch beside.
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
#   --minutes N        time for everything (default: 8, begun with empty caches)
#   --parts LIST       some of the parts below, by commas (default: all that there is time for); where a command may not take
#                      as long as everything, one call after the other fills the same folder
#   --tiny             models of a few thousand parameters: tries the script itself, on a software adapter too
#
# Parts, the surest first:
#
#   checks    the adapter, the system, every operation against the CPU with the shaders that a sweep takes
#   shapes    two models alone and as stacks
#   startup   seconds until the first words and the first step: empty caches, again, another shape
#   details   the operations of the two models one by one
#   small     35 models of under a million parameters, all of them, beside PyTorch one by one
#   torch     the two models beside PyTorch: eager, compiled, with CUDA graphs, as a vmapped stack
#   study     a larger sweep, its report, beside PyTorch one by one
#
# Every part has its own time limit; one that fails or runs out of time does not keep the others from running. Figures are
# told as they come. README.md in the folder says what came of each. VK_DRIVER_FILES is respected.

set -u
cd "$(dirname "$0")/.."
repository=$PWD

sweep=target/release/sweep data= debs= python=python3 device=gpu minutes=8 tiny= out=
known=checks,shapes,startup,details,small,torch,study parts=$known
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
wanted() {
    case ,$parts, in *,"$1",*) ;; *) return 1 ;; esac
    current=$out/log/$1.parts && : >"$current"
}

# left SECONDS: so many, or those that there are.
left() { local all=$((deadline - SECONDS)); [ "$1" -le $all ] && echo "$1" || echo $all; }

# part NAME LIMIT FILE COMMAND...: stdout to FILE, stderr to log/NAME.log, of it the lines with $show to the screen too; returns
# the command's code.
show=
part() {
    local name=$1 limit file=$3 begun=$SECONDS code word watch=
    limit=$(left "$2")
    shift 3
    if [ "$limit" -lt 3 ]; then
        printf '| %s | left out: no time | |\n' "$name" >>"$current"
        echo "$name: left out, no time" >&2
        return 124
    fi
    : >"$out/log/$name.log"
    if [ -n "$show" ]; then
        tail -f "$out/log/$name.log" > >(grep --line-buffered -e "$show" >&2) 2>/dev/null &
        watch=$!
    fi
    timeout -k 5 "$limit" "$@" >"$file" 2>>"$out/log/$name.log" </dev/null
    code=$?
    [ -z "$watch" ] || { sleep 0.3 && kill $watch && wait $watch; } 2>/dev/null
    case $code in
        0) word=done ;;
        124 | 137) word="stopped after $limit s" ;;
        *) word="failed (code $code), see log/$name.log" ;;
    esac
    [ ! -f "$file" ] || [ -s "$file" ] || rm -f "$file" # never /dev/null
    printf '| %s | %s | %s |\n' "$name" "$word" $((SECONDS - begun)) >>"$current"
    echo "$name: $word, $((SECONDS - begun)) s" >&2
    [ $code = 0 ] || [ $code = 124 ] || tail -n 3 "$out/log/$name.log" >&2
    return $code
}

# A figure for the screen and for README.md.
tell() {
    echo "  $1" >&2
    echo "- $1" >>"${current%.parts}.figures"
}

# figures FILE: a line for each measurement that `sweep bench --json` has printed. Needs no Python.
figures() {
    tr -d '\n' 2>/dev/null <"$1" \
        | grep -oE '"([a-z0-9]+:)?L[0-9]+d[0-9]+h[^"]*": *\{|"(tokens_per_second|step_seconds|first_step_seconds|failed)": *("[^"]*|[0-9.eE+-]+)' \
        | awk -F'": *' '
            function flush() {
                if (key == "") return
                if ("failed" in f) print key ": failed: " f["failed"]
                else if (f["tokens_per_second"])
                    printf "%s: %.0f tokens/s, %.3g ms a step, the first after %.3g s\n", key, f["tokens_per_second"], 1000 * f["step_seconds"], f["first_step_seconds"]
                split("", f)
            }
            { name = substr($1, 2); value = $2 }
            value ~ /^[{]/ { flush(); key = name; next }
            { sub(/^"/, "", value); f[name] = value }
            END { flush() }'
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

# Models and the replicas of their stacks; another model, whose kernels the first two have not compiled; two grids.
if [ -n "$tiny" ]; then
    shapes="L1d16h2V64x2x16@1,2 L2d32h1V256x2x16@1" new=L2d24h2V64x2x16 seconds=0.3 rounds=2
    grid='budgets = [1e8, 2e8]
widths = [8, 16]
min_steps = 30' context=16 valid=512 train='batch_tokens = 64
' small_grid=$grid small_context=16 small_valid=512 small_train=$train
else
    shapes="L4d128h4V4096x64x256@1,8 L8d512h8V8192x32x512@1" new=L6d192h6V4096x32x256 seconds=2 rounds=2
    grid='budgets = [2e11, 4e11, 8e11, 1.6e12, 3.2e12]
sizes = 6' context=256 valid=65_536 train=
    # 17 to 517 thousand parameters; 20 thousand steps, 12 thousand of stacks that hold all cells of a shape.
    small_grid='budgets = [4e11, 8e11, 1.6e12, 3.2e12, 6.4e12]
widths = [
    [24, 28, 36, 48, 64, 80, 96],
    [28, 36, 48, 64, 80, 96, 112],
    [36, 48, 64, 80, 96, 112, 128],
    [48, 64, 80, 96, 112, 128, 144],
    [64, 72, 80, 96, 112, 128, 144],
]
min_steps = 30' small_context=128 small_valid=65_536 small_train='batch_tokens = 4096
'
fi

# README.md as far as there is something to tell: a call that is cut off leaves it too.
readme() {
    [ -s "$out/devices.txt" ] || timeout 20 "$sweep" devices --device "$device" >"$out/devices.txt" 2>"$out/log/devices.log"
    local id group file
    id=$(picked)
    {
        echo "# $(sed -n "s/^${id:-none}  *\([^,]*\),.*/\1/p" "$out/devices.txt" 2>/dev/null)"
        printf '\nMade by `scripts/gpu_study.sh%s`; products in %s.\n\n| part | result | seconds |\n| --- | --- | ---: |\n' "${tiny:+ --tiny}" $precision
        for group in ${known//,/ }; do cat "$out/log/$group.parts" 2>/dev/null; done
        for group in ${known//,/ }; do
            [ ! -s "$out/log/$group.figures" ] || { printf '\n## %s\n\n' $group; cat "$out/log/$group.figures"; }
        done
        for file in "$out"/compare-*.md; do
            [ ! -e "$file" ] || { printf '\n## %s\n\n' "$(basename "$file" .md)"; cat "$file"; }
        done
    } >"$out/README.md"
}
picked() { sed -n 's/^.* picks \([a-z0-9:]*\): .*/\1/p' "$out/devices.txt" 2>/dev/null; }

precision=$(cat "$out/log/precision" 2>/dev/null || echo f32)
loader
if wanted checks; then
    part devices 15 "$out/devices.txt" "$sweep" devices --device "$device"
    part system 10 "$out/system.txt" sh -c 'uname -srm; nvidia-smi || true; vulkaninfo --summary || true'
    # What a sweep takes: SPIR-V where there is Vulkan and hardware.
    shader=wgsl
    case $(picked) in vulkan:*) grep -q "^$(picked) .*software" "$out/devices.txt" || shader=spirv ;; esac
    part selftest 60 "$out/selftest.txt" "$sweep" devices --device "$device" --test --shader $shader --limit 50
    readme
fi

# The fastest precision that the adapter computes right; a first use of the kernels besides. One that has not refused in its
# time is taken. Parts that are made later compute in the same.
[ -s "$out/log/precision" ] || for half in bf16 f16; do
    [ "$(left 45)" -ge 3 ] || break
    timeout "$(left 45)" "$sweep" bench --shapes L1d32h2V64x2x16 --seconds 0.1 --rounds 1 --device "$device" --precision $half \
        >"$out/log/precision-$half.txt" 2>&1 </dev/null
    case $? in 0 | 124 | 137) precision=$half && break ;; esac
done
[ $precision = f32 ] || echo "$precision" >"$out/log/precision"
# What its first start has timed.
[ -z "${current:-}" ] || while read -r line; do tell "$line"; done < <(sed -n '/ times as fast as /p' "$out/log/precision-$precision.txt" 2>/dev/null)
echo "products in $precision" >&2

bench=("$sweep" bench --device "$device" --precision $precision)
if wanted shapes; then
    for entry in $shapes; do
        shape=${entry%@*}
        part "bench-$shape" 75 "$out/bench-$shape.json" "${bench[@]}" --seconds $seconds --rounds 3 --replicas "${entry#*@}" --shapes "$shape" --json
        # A bench that is stopped prints what it has.
        [ ! -s "$out/bench-$shape.json" ] || while read -r line; do tell "$line"; done < <(figures "$out/bench-$shape.json")
    done
    readme
fi

# first_step NAME LIMIT SHAPE: a bench as short as it can be, with caches of its own, and the time of its lines.
cold=$work/cold
first_step() {
    local name=startup-$1 begun code log=$out/log/startup-$1.log told times
    begun=$(date +%s.%N)
    part "$name" "$2" "$out/$name.json" env HOME="$cold" XDG_CACHE_HOME="$cold/cache" XDG_DATA_HOME="$cold/data" __GL_SHADER_DISK_CACHE_PATH="$cold/gl" MESA_SHADER_CACHE_DIR="$cold/mesa" \
        bash -c '"$@" 2> >(while IFS= read -r line; do printf "%s %s\n" "$(date +%s.%N)" "$line"; done >&2); code=$?; wait $!; exit $code' first-step \
        "${bench[@]}" --seconds 0.1 --rounds 1 --shapes "$3" --json
    code=$?
    told=$(figures "$out/$name.json" 2>/dev/null | sed 's/^[^:]*: //')
    times=$(awk -v begun="$begun" -v now="$(date +%s.%N)" -v step="$(sed -n 's/.*the first after \([0-9.e+-]*\) s.*/\1/p' <<<"$told")" '
        !words { words = $1 } /measuring L/ && !ready { ready = $1 }
        function after(time) { return time ? sprintf("%.1f s", time - begun) : "-" }
        END { printf "first words after %s, device ready after %s, first step done after %s, all after %s",
                  after(words), after(ready), after(ready && step ? ready + step : 0), after(now) }' "$log")
    tell "$1, $3: $times$([ $code = 0 ] || echo " (code $code)")${told:+; $told}"
}
if wanted startup; then
    mkdir -p "$cold/cache" "$cold/data" "$cold/gl" "$cold/mesa"
    first=${shapes%%@*}
    first_step cold 75 "$first"
    first_step warm 30 "$first"
    first_step new-shape 40 $new
    readme
fi

# Kernels against tensor operations, one by one.
if wanted details; then
    for entry in $shapes; do
        shape=${entry%@*}
        part "operations-$shape" 40 "$out/operations-$shape.txt" "${bench[@]}" --operations --seconds 0.2 --shapes "$shape"
        [ ! -s "$out/operations-$shape.txt" ] || sed 's/^/  /' "$out/operations-$shape.txt" >&2
    done
    readme
fi

torch=
"$python" -c 'import torch, numpy' 2>/dev/null && torch=1 || echo "$python has no PyTorch: Isoflop alone is measured" >&2
torch_precision=$("$python" -c 'import torch; print("bf16" if torch.cuda.is_available() else "f32")' 2>/dev/null)

# sweep_beside NAME PREFIX OURS TORCH: a sweep in a folder where its configuration's relative paths hold, and PyTorch for TORCH
# seconds of the same cells. A stop leaves what was trained, which is compared and has a report; OURS: seconds at most.
sweep_beside() (
    name=$1 prefix=$2 ours=$3 theirs=$4
    mkdir -p "$work/$name" && cd "$work/$name" || exit 1
    source='source = "synthetic"'
    [ -z "$data" ] || { ln -s "$data" data; source='source = "text"
paths = ["data/**/*"]'; }
    cat >$name.toml <<TOML
# The sweep of scripts/gpu_study.sh, part $name.
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
    part ${prefix}plan 60 "$work/$name/plan.json" "$sweep" plan --config $name.toml --no-measure --json
    if [ -n "$torch" ] && [ -s plan.json ]; then
        tokens=()
        train_tokens=$(find runs -name train.tokens 2>/dev/null | head -1)
        [ -z "$train_tokens" ] || tokens=(--train-tokens "$train_tokens" --valid-tokens "${train_tokens%train.tokens}valid.tokens")
        # In the foreground, so that it ends with the part.
        limit=$(left "$ours")
        show='^ours: \|^eager: cell .*[05] of \|the time was up' part "$name" $((ours + theirs + 40)) /dev/null "$python" "$repository/scripts/compare_pytorch.py" \
            --cells plan.json "${tokens[@]}" --ours "timeout --foreground $limit $(printf '%q' "$sweep") --config $name.toml --results $name" \
            --out "$out/compare-$name" --limit "$theirs" --modes eager --precision "$torch_precision"
        [ ! -s "$out/compare-$name.md" ] || grep '^| ' "$out/compare-$name.md" | sed 's/^/  /' >&2
    else
        begun=$SECONDS
        part "$name" "$ours" /dev/null "$sweep" --config $name.toml --results $name \
            && tell "the sweep: $((SECONDS - begun)) s from start to report"
    fi
    [ -s $name/report.html ] || part ${prefix}report 20 /dev/null "$sweep" report $name
    [ ! -d $name ] || { rm -rf $name/checkpoints && cp -r $name "$out/"; }
)
if wanted small; then
    grid=$small_grid context=$small_context valid=$small_valid train=$small_train sweep_beside small small- 90 40
    readme
fi

# Alone first: what PyTorch does must not cost ours its figures. Kernels are compiled by now where shapes were measured.
if wanted torch; then
    [ -n "$torch" ] || printf '| torch | not measured: no PyTorch | |\n' >>"$current"
    for entry in $shapes; do
        [ -n "$torch" ] || break
        shape=${entry%@*}
        ours=(timeout --foreground 60 "${bench[@]}" --seconds $seconds --rounds 3 --replicas "${entry#*@}")
        show=': round \|failed\|stopped:\|not applicable\|Error' part "compare-$shape" 160 /dev/null "$python" "$repository/scripts/compare_pytorch.py" --shapes "$shape" \
            --modes eager,compile,graphs,vmap --mode-limit 60 --ours "$(printf '%q ' "${ours[@]}")" --out "$out/compare-$shape" --rounds $rounds \
            --limit 20 --seconds $seconds --warm-up 1 --precision "$torch_precision"
        readme
    done
fi

if wanted study; then sweep_beside study '' 150 60; fi

readme
echo "written: $out" >&2
for group in ${parts//,/ }; do
    ! grep -q 'failed\|stopped\|left out' "$out/log/$group.parts" || exit 1
done
