set -e
wkhtmltopdf --version
