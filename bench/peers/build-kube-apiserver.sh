#!/bin/sh
# Builds kube-apiserver from the Go module proxy, for bench/api.ts to stand beside.
#
#   sh bench/peers/build-kube-apiserver.sh [DIRECTORY]     (otherwise ~/.cache/varve-peers)
#
# Wants Go 1.25 or newer, 4 GB of disk and, on two cores, ten to twenty minutes. Kubernetes cannot
# be had by `go install`, for its go.mod replaces its own libraries by folders beside it. Each of
# those libraries is published under the same version with a zero in front, so here they are named.
set -eu

VERSION=${KUBERNETES_VERSION:-1.34.2}
DIRECTORY=${1:-${XDG_CACHE_HOME:-$HOME/.cache}/varve-peers}
LIBRARIES="v0.${VERSION#1.}"

mkdir -p "$DIRECTORY/build"
cd "$DIRECTORY/build"
printf 'module varve.dev/peers\n\ngo 1.24.0\n' > go.mod
SOURCES=$(go mod download -json "k8s.io/kubernetes@v$VERSION" |
  sed -n 's/^\t"GoMod": "\(.*\)",*$/\1/p')
{
  sed -n '/^go /p; /^godebug/p' "$SOURCES" | head -1
  printf 'require k8s.io/kubernetes v%s\n\nreplace (\n' "$VERSION"
  sed -n 's|^\t\(k8s.io/[a-z-]*\) => ./staging/.*|\t\1 => \1 '"$LIBRARIES"'|p' "$SOURCES"
  printf ')\n'
} > rest.mod
{ printf 'module varve.dev/peers\n\n'; cat rest.mod; } > go.mod
rm rest.mod

PACKAGE=k8s.io/component-base/version
MINOR=${VERSION#1.}
MINOR=${MINOR%%.*}
FLAGS="-s -w -X $PACKAGE.gitVersion=v$VERSION -X $PACKAGE.gitMajor=1 -X $PACKAGE.gitMinor=$MINOR"
CGO_ENABLED=0 nice go build -mod=mod -trimpath -ldflags "$FLAGS" \
  -o "$DIRECTORY/kube-apiserver" k8s.io/kubernetes/cmd/kube-apiserver
"$DIRECTORY/kube-apiserver" --version
