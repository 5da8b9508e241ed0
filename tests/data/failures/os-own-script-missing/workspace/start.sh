set -e
run-shop-migrations --all
