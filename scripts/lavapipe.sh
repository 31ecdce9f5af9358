#!/usr/bin/env bash
# Fetches Mesa's lavapipe, a Vulkan driver that runs on the CPU, in a version
# that has cooperative matrices (VK_KHR_cooperative_matrix), for Debian 12
# (whose own Mesa 22.3 lacks them) or newer, on x86-64. Installs nothing and
# needs no root: the packages come through apt, signatures checked, from a newer
# suite, with a private apt state, and are unpacked into DIR.
#
#   scripts/lavapipe.sh [DIR]          DIR: target/lavapipe by default
#
# Prints the path of the driver's ICD file. To run a program on it:
#
#   export VK_DRIVER_FILES="$(scripts/lavapipe.sh)"
#   export LD_LIBRARY_PATH="$PWD/target/lavapipe/path"  # only for a program that
#       uses the C++ library, or where libvulkan1 is not installed
#
# Environment:
#   LAVAPIPE_SUITES   suites to fetch from; the last one is preferred for Mesa
#                     ("trixie trixie-backports"; "sid" has the newest)
#   LAVAPIPE_MIRROR   Debian mirror (else the one in /etc/apt, else deb.debian.org)
#   LAVAPIPE_KEYRING  keyring that signs the suites (Debian's own)
#
# The packages are built for glibc 2.38 or newer, Debian 12 has 2.36, and a
# process has one glibc. But all that they take from the newer one are new
# versions of old functions: strtol and the like (C23: they read "0b1" too),
# fmod. So the unpacked files' symbol tables are edited to name the old
# versions, which every glibc still has. An unknown newer symbol is an error.
set -euo pipefail
umask 022
export LC_ALL=C

say() { printf 'lavapipe: %s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

case "${1-}" in
  -h|--help) sed -n '2,/^set -e/{/^#/s/^# \{0,1\}//p}' "$0"; exit 0 ;;
esac
[ $# -le 1 ] || die "one argument at most, the folder to unpack into (got $#)"
repo=$(cd "$(dirname "$0")/.." && pwd)
dir=$(realpath -m -- "${1:-$repo/target/lavapipe}")
read -ra suites <<<"${LAVAPIPE_SUITES:-trixie trixie-backports}"
[ ${#suites[@]} -gt 0 ] || die "LAVAPIPE_SUITES names no suite"
icd=$dir/lvp_icd.json
recipe="1 ${suites[*]}" # raise the number when this script unpacks differently

loads() { # loads LIB: can this machine's own loader load LIB, every symbol bound?
  PERL_DL_NONLAZY=1 perl -MDynaLoader -e \
    'DynaLoader::dl_load_file($ARGV[0]) or die DynaLoader::dl_error() . "\n"' "$1"
}

if [ -e "$dir/recipe" ] && [ "$(cat "$dir/recipe")" = "$recipe" ] &&
  [ -e "$icd" ] && loads "$dir/lib/libvulkan_lvp.so" 2>/dev/null; then
  printf '%s\n' "$icd"
  exit 0
fi
if [ -d "$dir" ] && [ ! -e "$dir/recipe" ] && [ -n "$(ls -A "$dir")" ]; then
  die "$dir is not empty and not this script's: name another folder, or empty it"
fi

for tool in apt-get dpkg dpkg-deb perl getconf; do
  command -v "$tool" >/dev/null || die "$tool not found: this needs Debian 12 or newer"
done
arch=$(dpkg --print-architecture)
[ "$arch" = amd64 ] || die "only for amd64 (x86-64), this is $arch"
glibc=$(getconf GNU_LIBC_VERSION | sed 's/.* //')
[ "$(printf '%s\n' 2.36 "$glibc" | sort -V | head -n 1)" = 2.36 ] ||
  die "glibc $glibc is too old: 2.36 (Debian 12) or newer is needed"

mirror=${LAVAPIPE_MIRROR:-}
if [ -z "$mirror" ]; then
  mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list \
    /etc/apt/sources.list.d/*.sources 2>/dev/null | grep -v '^[[:space:]]*#' |
    grep -oE 'https?://[^] ]+/debian/?( |$)' | head -n 1 | tr -d ' ') || true
fi
mirror=${mirror:-http://deb.debian.org/debian}
mirror=${mirror%/}

tmp=$(mktemp -d)
new=$dir.new.$$
trap 'rm -rf "$tmp" "$new"' EXIT
chmod 755 "$tmp" # apt's own user reads and writes below it

# A private apt: own sources, lists and cache, and no package installed.
# (Proxies and the like still come from /etc/apt/apt.conf*.)
private_apt() { apt-get -c "$tmp/conf" "$@"; }
update() { private_apt -o APT::Update::Error-Mode=any -q update >"$tmp/update.log" 2>&1; }

start=$SECONDS
keyring=${LAVAPIPE_KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
[ -r "$keyring" ] ||
  die "no keyring at $keyring: apt-get install debian-archive-keyring, or set LAVAPIPE_KEYRING"
keyring=$(realpath "$keyring")
say "reading the package lists of ${suites[*]} at $mirror"
mkdir -p "$tmp"/{lists/partial,cache/archives/partial,none,debs,root}
: >"$tmp/status"
for suite in "${suites[@]}"; do
  printf 'deb [arch=%s target=Packages signed-by=%s] %s %s main\n' \
    "$arch" "$keyring" "$mirror" "$suite"
done >"$tmp/sources.list"
cat >"$tmp/conf" <<EOF
#clear APT::Update;
#clear APT::Default-Release;
#clear DPkg;
Dir::State "$tmp";
Dir::State::status "$tmp/status";
Dir::State::Lists "$tmp/lists";
Dir::Cache "$tmp/cache";
Dir::Etc::SourceList "$tmp/sources.list";
Dir::Etc::SourceParts "$tmp/none";
Dir::Etc::Preferences "$tmp/none/preferences";
Dir::Etc::PreferencesParts "$tmp/none";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::AllowInsecureRepositories "false";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Install-Recommends "false";
APT::Get::AllowUnauthenticated "false";
EOF
if ! update; then
  cat "$tmp/update.log" >&2
  if grep -q NO_PUBKEY "$tmp/update.log"; then
    die "$keyring lacks these suites' keys: apt-get install --only-upgrade debian-archive-keyring, or set LAVAPIPE_KEYRING to a newer one"
  fi
  die "apt cannot read ${suites[*]} at $mirror: is it reachable? (LAVAPIPE_MIRROR names another; LAVAPIPE_SUITES other suites)"
fi

# Everything that the driver depends on, down to libc6, which alone is left out.
private_apt -s -t "${suites[-1]}" -y install \
  mesa-vulkan-drivers libvulkan1 >"$tmp/plan" 2>"$tmp/plan.log" ||
  { cat "$tmp/plan" "$tmp/plan.log" >&2; die "apt cannot resolve mesa-vulkan-drivers in ${suites[*]}: name other LAVAPIPE_SUITES"; }
mapfile -t packages < <(sed -nE 's/^Inst ([^ ]+) \(([^ ]+) .*/\1=\2/p' "$tmp/plan" |
  grep -vE '^(libc6|libc-[^=]*|gcc-[^=]*-base|[^=]*-(data|common))=')
mesa=$(printf '%s\n' "${packages[@]}" | sed -n 's/^mesa-vulkan-drivers=//p')
[ -n "$mesa" ] || { cat "$tmp/plan" >&2; die "no mesa-vulkan-drivers in apt's plan above"; }
[ "${mesa%%.*}" -ge 26 ] 2>/dev/null ||
  die "Mesa $mesa in ${suites[*]} is older than 26 and may lack cooperative matrices: name newer LAVAPIPE_SUITES"

say "fetching Mesa $mesa and its libraries (${#packages[@]} packages)"
[ "$(id -u)" != 0 ] || chown _apt "$tmp/debs" || true # root's apt downloads as _apt
(cd "$tmp/debs" && private_apt -qq download "${packages[@]}" >&2) ||
  die "download failed (apt's words above): try again, or name another LAVAPIPE_MIRROR"
bytes=$(cat "$tmp"/debs/*.deb | wc -c)
for deb in "$tmp"/debs/*.deb; do
  dpkg-deb --fsys-tarfile "$deb" |
    tar -x -C "$tmp/root" --exclude='./usr/share/*' --exclude='*/libvulkan_[!l]*' --exclude='*/libVkLayer*'
done

mkdir -p "$new/lib" "$new/path"
for from in usr/lib lib; do
  from=$tmp/root/$from/x86_64-linux-gnu
  [ ! -d "$from" ] || find "$from" -maxdepth 1 -name '*.so*' -exec cp -a -t "$new/lib" {} +
done
[ -f "$new/lib/libvulkan_lvp.so" ] || die "no libvulkan_lvp.so in mesa-vulkan-drivers $mesa"

# The edit described at the top. And libvulkan_lvp.so gets the run path $ORIGIN,
# so that it finds its libraries beside it: the text goes where __isoc23_ stood,
# the entry into a spare slot of the dynamic section.
cat >"$tmp/relabel.pl" <<'EOF'
use strict; use warnings;
my ($file, $rpath) = @ARGV;
(my $base = $file) =~ s{.*/}{};
sub bad { die "$base: @_\n" }
open my $fh, '<:raw', $file or bad($!);
my $elf = do { local $/; <$fh> };
close $fh;
exit 0 if substr($elf, 0, 4) ne "\x7fELF"; # a linker script
substr($elf, 4, 2) eq "\2\1" or bad("not a 64-bit little-endian ELF file");
my $oldest = 'GLIBC_2.2.5';
# Functions whose oldest version does as well as the newer one.
my $alike = qr/^(?:__isoc23_(?:(?:str|wcs)to(?:l|ul|ll|ull|imax|umax)|v?[fs]?scanf)|fmodf?|cf[gs]et[io]speed)$/;

my ($shoff) = unpack 'x40 Q<', $elf;
my ($shentsize, $shnum) = unpack 'x58 S< S<', $elf;
my %sec; # by type: offset, size, index of the string table
my @sec = map { [unpack 'x4 L< x8 x8 Q< Q< L< L<', substr $elf, $shoff + $_ * $shentsize, 64] } 0 .. $shnum - 1;
$sec{$_->[0]} = $_ for @sec;
my ($dynsym, $versym, $verneed, $dynamic) = @sec{11, 0x6fffffff, 0x6ffffffe, 6};
$dynamic or bad('no dynamic section');
my ($str, $strsize) = @{$sec[$dynamic->[3]]}[1, 2];
my $text = sub { unpack 'Z*', substr $elf, $str + $_[0], 512 };
my $hash = sub { my $h = 0; for (unpack 'C*', $_[0]) { $h = ($h << 4) + $_; my $g = $h & 0xf0000000; $h ^= $g >> 24; $h &= 0x0fffffff } $h };

my %newer; # version index => name
if ($verneed) {
  my $old = index substr($elf, $str, $strsize), "\0$oldest\0";
  for (my $need = $verneed->[1];;) {
    my ($aux, $next) = unpack 'x8 L< L<', substr $elf, $need, 16;
    for (my $at = $need + $aux;;) {
      my ($index, $name, $step) = unpack 'x6 S< L< L<', substr $elf, $at, 16;
      if ($text->($name) =~ /^GLIBC_2\.(\d+)$/ && $1 > 36) {
        $newer{$index} = $text->($name);
        $old >= 0 or bad("needs $newer{$index} and nothing of $oldest");
        substr($elf, $at, 4) = pack 'L<', $hash->($oldest);
        substr($elf, $at + 8, 4) = pack 'L<', $old + 1;
      }
      last unless $step;
      $at += $step;
    }
    last unless $next;
    $need += $next;
  }
}
my $room; # offset in the string table where $ORIGIN and its end fit
for my $i (0 .. $dynsym->[2] / 24 - 1) {
  last unless %newer;
  my $version = $newer{unpack('S<', substr $elf, $versym->[1] + 2 * $i, 2) & 0x7fff} or next;
  my $at = $dynsym->[1] + 24 * $i;
  my $name = unpack 'L<', substr $elf, $at, 4;
  my $symbol = $text->($name);
  $symbol =~ $alike or bad("needs $symbol of $version, which this script does not know how to do without");
  next unless $symbol =~ /^__isoc23_/;
  substr($elf, $at, 4) = pack 'L<', $name + 9;
  $room = $name;
}
if ($rpath) {
  defined $room or bad('no room for a run path');
  my ($end, $entry, $free) = ($dynamic->[1] + $dynamic->[2]);
  for (my $at = $dynamic->[1]; $at + 32 <= $end; $at += 16) {
    $entry = unpack 'Q<', substr $elf, $at, 8;
    $entry == 15 || $entry == 29 and bad('has a run path already');
    if (!$entry) { $free = $at; last }
  }
  defined $free or bad('no spare slot in the dynamic section');
  substr($elf, $str + $room, 8) = "\$ORIGIN\0";
  substr($elf, $free, 16) = pack 'Q< Q<', 15, $room; # DT_RPATH
}
exit 0 unless %newer || $rpath;
open $fh, '>:raw', $file or bad($!);
print $fh $elf or bad($!);
close $fh or bad($!);
EOF
for lib in "$new"/lib/*.so*; do
  [ -L "$lib" ] && continue
  rpath=; [ "${lib##*/}" != libvulkan_lvp.so ] || rpath=1
  perl "$tmp/relabel.pl" "$lib" "$rpath" ||
    die "Mesa $mesa does not fit glibc $glibc: name other LAVAPIPE_SUITES"
done

for lib in libvulkan.so.1 libstdc++.so.6 libgcc_s.so.1; do
  ln -s "../lib/$lib" "$new/path/$lib"
done
cat >"$new/lvp_icd.json" <<EOF
{
    "file_format_version": "1.0.1",
    "ICD": {
        "library_path": "./lib/libvulkan_lvp.so",
        "api_version": "1.4.0"
    }
}
EOF
(cd "$tmp/debs" && sha256sum -- *.deb) >"$new/packages.sha256"
loads "$new/lib/libvulkan_lvp.so" ||
  die "the unpacked driver does not load (the loader's words above)"
loads "$new/lib/libvulkan.so.1" || die "the unpacked libvulkan.so.1 does not load"
printf '%s\n' "$recipe" >"$new/recipe"
rm -rf "$dir"
mkdir -p "$(dirname "$dir")"
mv "$new" "$dir"
say "Mesa $mesa in $dir: $((bytes / 1000000)) MB fetched besides the lists, $((SECONDS - start)) s"
printf '%s\n' "$icd"
