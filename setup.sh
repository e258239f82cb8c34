#!/bin/sh
# Installs what runnel, its demo and its tests need: setup.sh PYTHON VENV
# Debian and Ubuntu packages for compilers and emulators, a virtual environment for the rest.
set -eu
python=$1
venv=$2

packages=""
need() { # need COMMAND PACKAGES...: remember the packages if the command is missing
    command -v "$1" > /dev/null 2>&1 && return
    shift
    packages="$packages $*"
}
need gcc gcc libc6-dev
need arm-none-eabi-gcc gcc-arm-none-eabi libnewlib-arm-none-eabi
need qemu-system-arm qemu-system-arm
need riscv64-unknown-elf-gcc gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf
need qemu-system-riscv32 qemu-system-misc
"$python" -c 'import ensurepip' 2> /dev/null || packages="$packages python3-venv"

if [ -n "$packages" ]; then
    if ! command -v apt-get > /dev/null 2>&1; then
        echo "error: please install what provides:$packages" >&2
        exit 1
    fi
    root=""
    if [ "$(id -u)" -ne 0 ]; then root="sudo"; fi
    echo "installing$packages"
    $root apt-get update -qq
    # shellcheck disable=SC2086
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "error: runnel needs Python 3.11 or newer; make PYTHON=/path/to/python3.11 ..." >&2
    exit 1
}
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -e '.[solver,demo,test,lint]'
