#!/bin/sh
# Builds the published conformance suite of Knative Serving, both halves and the programs of its
# images, where Go is, and says where they are. From the Go module proxy alone; about ten minutes of
# two cores the first time, then seconds.
set -eu
VERSION=v0.42.2
HOME_OF_IT="${1:-node_modules/.cache/conformance}"
IMAGES="autoscale failing helloworld hellovolume pizzaplanetv1 pizzaplanetv2 readiness runtime
  singlethreaded timeout"
command -v go > /dev/null || { echo "skipped: go is not on the PATH"; exit 0; }
mkdir -p "$HOME_OF_IT"
cd "$HOME_OF_IT"
cat > go.mod <<EOF
module conformance

go 1.22

require knative.dev/serving $VERSION
EOF
{
  printf '//go:build tools\n\npackage conformance\n\nimport (\n'
  printf '\t_ "knative.dev/serving/test/conformance/%s"\n' api/v1 runtime
  for image in $IMAGES; do printf '\t_ "knative.dev/serving/test/test_images/%s"\n' "$image"; done
  printf ')\n'
} > tools.go
go mod tidy
export CGO_ENABLED=0
go test -c -tags=e2e -o api_v1.test knative.dev/serving/test/conformance/api/v1
go test -c -tags=e2e -o runtime.test knative.dev/serving/test/conformance/runtime
for image in $IMAGES; do
  go build -ldflags '-s -w' -o "images/$image" "knative.dev/serving/test/test_images/$image"
done
for half in api_v1 runtime; do echo "$(pwd)/$half.test"; done
