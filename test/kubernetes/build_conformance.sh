#!/bin/sh
# Builds the published conformance suite of Knative Serving as one program, where Go is, and says where
# it is. From the Go module proxy alone; about six minutes of two cores the first time, then a second.
set -eu
VERSION=v0.42.2
HOME_OF_IT="${1:-node_modules/.cache/conformance}"
command -v go > /dev/null || { echo "skipped: go is not on the PATH"; exit 0; }
mkdir -p "$HOME_OF_IT"
cd "$HOME_OF_IT"
cat > go.mod <<EOF
module conformance

go 1.22

require knative.dev/serving $VERSION
EOF
cat > tools.go <<'EOF'
//go:build tools

package conformance

import _ "knative.dev/serving/test/conformance/api/v1"
EOF
go mod tidy
CGO_ENABLED=0 go test -c -tags=e2e -o api_v1.test knative.dev/serving/test/conformance/api/v1
echo "$(pwd)/api_v1.test"
