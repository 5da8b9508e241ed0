set -e
xmllint --version
