#!/bin/sh
# Makes a Debian package of hq with dpkg-deb alone. usage: deb.sh [FOLDER of the build] [where to put it]
# DEB_MAINTAINER="Name <address>" says who answers for it. Without a folder it builds build-deb first. The same source and SOURCE_DATE_EPOCH give the same bytes.
set -eu
umask 022
cd "$(dirname "$0")/.."
command -v dpkg-deb >/dev/null || { echo "dpkg-deb is not here: Debian packages are made on Debian" >&2; exit 2; }
build=${1:-build-deb}
[ -n "${1:-}" ] || scripts/build.sh build-deb -Ddebug=false -Doptimization=2 "-Dc_args=-ffile-prefix-map=$PWD=."
out=${2:-$build}
if [ -z "${SOURCE_DATE_EPOCH:-}" ]; then
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CHANGELOG.md)
fi
export SOURCE_DATE_EPOCH
version=$(sed -n "s/^project.* version : '\([^']*\)'.*/\1/p" meson.build)
arch=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
doc=$root/usr/share/doc/hq
maintainer=${DEB_MAINTAINER:-the hq authors <hq@localhost>}

DESTDIR=$root PREFIX=/usr ZSHDIR=/usr/share/zsh/vendor-completions scripts/install.sh install "$build" >/dev/null

# Policy 12: the licence as copyright, changelogs compressed.
{
    printf 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\nUpstream-Name: hq\n\n'
    printf 'Files: *\nCopyright: %s\nLicense: Expat\n' "$(sed -n 's/^Copyright (c) //p' LICENSE)"
    sed '1,/^Copyright/d' LICENSE | sed '1{/^$/d}; s/^$/./; s/^/ /'
} >"$doc/copyright"
rm "$doc/LICENSE"
gzip -9n "$doc/CHANGELOG.md"
mv "$doc/CHANGELOG.md.gz" "$doc/changelog.gz"
printf 'hq (%s) unstable; urgency=medium\n\n  * /usr/share/doc/hq/changelog.gz tells what changed.\n\n -- %s  %s\n' \
    "$version" "$maintainer" "$(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")" | gzip -9n >"$doc/changelog.Debian.gz"
cat >"$doc/README.Debian" <<'TEXT'
hq for Debian
-------------

Nothing starts by itself and nothing is enabled: this package has no units. The
units of a company belong to its folder and are made for it, when you say so:

    hq init ~/company && cd ~/company
    hq service print            # what would be written
    hq service install          # your own systemd; --system for the machine's

Removing or purging the package removes none of that: run `hq service uninstall`
in each company first. Companies lie where you made them, never below /var.

Examples are in /usr/share/doc/hq/examples, `man hq` is the manual.
TEXT
find "$root" -type d -exec chmod 755 {} +

# The libraries that the program names, as packages: with versions where dpkg-dev is there.
depends() {
    if command -v dpkg-shlibdeps >/dev/null; then
        mkdir -p "$work/source/debian"
        printf 'Source: hq\n\nPackage: hq\nArchitecture: any\n' >"$work/source/debian/control"
        (cd "$work/source" && dpkg-shlibdeps -O --warnings=0 -e"$root/usr/bin/hq") | sed -n 's/^shlibs:Depends=//p'
        return
    fi
    ldd "$root/usr/bin/hq" >"$work/ldd"
    for library in $(objdump -p "$root/usr/bin/hq" | sed -n 's/^ *NEEDED *//p'); do
        path=$(sed -n "s|^[[:space:]]*$library => \([^ ]*\).*|\1|p" "$work/ldd")
        { dpkg-query -S "$path" 2>/dev/null || dpkg-query -S "$(realpath "$path")"; } | sed 's/:.*//'
    done | LC_ALL=C sort -u | paste -sd, | sed 's/,/, /g'
}

mkdir "$root/DEBIAN"
needed=$(depends)
[ -n "$needed" ] || { echo "what $build/hq links cannot be found out" >&2; exit 1; }
cat >"$root/DEBIAN/control" <<TEXT
Package: hq
Version: $version
Architecture: $arch
Maintainer: $maintainer
Installed-Size: $(du -k -s --apparent-size "$root/usr" | cut -f1)
Depends: $needed
Recommends: ca-certificates
Suggests: systemd
Section: net
Priority: optional
Description: company of LLM agents on one small machine
 Every agent is a process of its own; what they do together is on one durable
 ledger: nothing that was acknowledged is lost, nothing recorded is done twice.
 .
 Nothing starts by itself: a company's units are made in its folder by "hq
 service install". To see eight agents at work without key or network: hq demo
TEXT
cat >"$root/DEBIAN/postinst" <<'TEXT'
#!/bin/sh
set -e
[ "$1" = configure ] && [ -z "$2" ] && echo "hq is here. To see it at work: hq demo"
exit 0
TEXT
chmod 755 "$root/DEBIAN/postinst"
(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
chmod 644 "$root/DEBIAN/control" "$root/DEBIAN/md5sums"

mkdir -p "$out"
package=$out/hq_${version}_$arch.deb
dpkg-deb --root-owner-group -Zxz --build "$root" "$package" >/dev/null
echo "$package ($(($(stat -c %s "$package") / 1024)) KiB, installs $(du -k -s --apparent-size "$root/usr" | cut -f1) KiB)"
