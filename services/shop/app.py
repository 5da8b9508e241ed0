"""The demo service: a small shop. GET / shows its goods, GET /health answers 200 while the catalogue can be read.

Every import below is a line in requirements.txt; without any one of them the shop does not start.
"""

import os
from datetime import date
from pathlib import Path

import humanize
import yaml
from dateutil.relativedelta import relativedelta
from flask import Flask, jsonify, render_template_string
from flask.typing import ResponseReturnValue

CATALOG = Path(__file__).with_name("catalog.yaml")
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8"><title>Shop</title>
<h1>Shop</h1>
<ul>
{% for item in goods %}<li>{{ item.name }}: {{ item.price }}, {{ item.age }}; returns until {{ item.until }}</li>
{% endfor %}</ul>
</html>
"""

app = Flask(__name__)


def goods(today: date) -> list[dict[str, str]]:
    """The catalogue as people read it. Bought today, a thing can be returned for a month."""
    catalog = yaml.safe_load(CATALOG.read_text(encoding="utf-8"))
    return [
        {
            "name": item["name"],
            "price": f"{humanize.intcomma(item['price'] / 100, 2)} {catalog['currency']}",
            "age": f"here for {humanize.naturaldelta(today - item['since'])}",
            "until": (today + relativedelta(months=1)).isoformat(),
        }
        for item in catalog["items"]
    ]


@app.get("/")
def front_page() -> str:
    return render_template_string(PAGE, goods=goods(date.today()))


@app.get("/health")
def health() -> ResponseReturnValue:
    return jsonify(status="ok", service="shop", goods=len(goods(date.today())))


if __name__ == "__main__":
    app.run(host=os.environ.get("HOST", "127.0.0.1"), port=int(os.environ.get("PORT", "8080")))
