"""Keys and tokens that are recognised by their own form, wherever they stand.

The forms are facts that the issuers publish, most of them compared with the rules of gitleaks (decision record 19).
What has no fixed part of its own is not here (forty hexadecimal digits are a Git hash just as well): that is recognised
by the name beside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from moonmind.utils.redaction.spans import Span, Tail

NOTHING = r"(?!)"


@dataclass(frozen=True, slots=True)
class Form:
    """`text` may have one group, the secret in it. `more`: the characters that it may go on with. `anchor`: a simpler
    form that finds it, where `text` looks around."""

    kind: str
    text: str
    more: str = r"[\w-]"
    anchor: str | None = None


_JWT_HEADER = r"(?:eyJ(?:hbGci|0eXAi|raWQi|lbmMi|jdHki|4NXQi|4NWMi|qa3Ui|6aXAi|jcml0I)|eyAi(?:YWxn|dHlw))"
_SIGNATURE = r"\.[\w-]{6}\.[\w-]{27}(?![\w-])"  # itsdangerous: the time, an HMAC-SHA1

FORMS = (
    Form("github-token", r"gh[pousr]_[0-9A-Za-z]{36}", r"\w"),
    Form("github-token", r"github_pat_\w{22}", r"\w"),
    Form("gitlab-token", r"gl(?:pat|dt|ptt|rtr?|ft|imt|soat|cbt|agent|oas|ffct)-[\w-]{20}", r"[\w.-]"),
    Form("gitlab-token", r"GR1348941[\w-]{20}"),
    Form("slack-token", r"xox[abeoprs][-.][0-9A-Za-z-]{10}"),
    Form("slack-token", r"xapp-[0-9]-[A-Z0-9]{6,20}-[0-9]{6,20}-[a-z0-9]{8}"),
    Form("slack-webhook", r"hooks\.slack\.com/[a-z]{4,12}/([\w+/]{20})", r"[\w+/]"),
    Form("discord-webhook", r"discord(?:app)?\.com/api/webhooks/[0-9]{10,24}/([\w-]{40})"),
    Form("stripe-key", r"[sr]k_(?:live|test|prod)_[0-9A-Za-z]{10}"),
    Form("stripe-key", r"whsec_[0-9A-Za-z+/]{24}", r"[\w+/=]"),
    Form("npm-token", r"npm_[0-9A-Za-z]{36}"),
    Form("pypi-token", r"pypi-AgE[\w-]{40}"),
    Form("anthropic-key", r"sk-ant-[\w-]{20}"),
    Form("openai-key", r"sk-(?:(?:proj|svcacct|admin|None)-[\w-]{20}|or-v1-[0-9a-f]{32}|[0-9A-Za-z]{32})"),
    Form("google-key", r"AIza[\w-]{35}"),
    Form("google-token", r"ya29\.[\w-]{20}", r"[\w.-]"),
    Form("google-secret", r"GOCSPX-[\w-]{20}"),
    Form(
        "aws-key-id",
        r"(?<![+/])(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z2-7]{16}(?![A-Za-z0-9+/])",
        NOTHING,
        r"(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z2-7]{16}",
    ),
    Form("jwt", _JWT_HEADER + r"[\w-]{10}", r"[\w.-]"),
    Form(
        "moonmind-key",
        r"mm_(?=[\w-]{0,42}[0-9])(?=[\w-]{0,42}[A-Z])(?=[\w-]{0,42}[a-z])[\w-]{43}",
        anchor=r"mm_[\w-]{43}",
    ),
    Form("signed-token", r"(?<![.\w-])I[i-n][\w-]{20,600}" + _SIGNATURE, NOTHING, r"\bI[i-n][\w-]{20}"),
    Form("signed-token", r"(?<![.\w-])eyJ[\w-]{10,600}" + _SIGNATURE, NOTHING, r"\beyJ[\w-]{10}"),
    Form("plane-key", r"plane_api_[0-9a-f]{32}"),
    Form("docker-token", r"dckr_[po]at_[\w-]{20}"),
    Form("huggingface-token", r"hf_[A-Za-z]{34}"),
    Form("digitalocean-token", r"do[opr]_v1_[0-9a-f]{64}"),
    Form("sendgrid-key", r"SG\.[\w-]{22}\.[\w-]{43}"),
    Form("shopify-token", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    Form("vault-token", r"hv[sbr]\.[\w-]{24}"),
    Form("telegram-token", r"[0-9]{8,10}:AA[\w-]{33}"),
    Form("databricks-token", r"dapi[0-9a-f]{32}"),
    Form("grafana-token", r"gl(?:sa|c)_[\w+/]{32}", r"[\w+/=]"),
    Form("linear-key", r"lin_api_[0-9A-Za-z]{40}"),
    Form("rubygems-key", r"rubygems_[0-9a-f]{48}"),
    Form("sentry-token", r"sntry[su]_[\w+/-]{32}", r"[\w+/=-]"),
    Form("tailscale-key", r"tskey-[a-z]{2,16}-[\w-]{16}"),
    Form("age-key", r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
)

ANCHORS = tuple(form.anchor or form.text for form in FORMS)

_BEFORE = r"(?:(?<![0-9A-Za-z])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
_BY_FORM = tuple(re.compile((_BEFORE + form.text).encode()) for form in FORMS)
_ANY = re.compile((_BEFORE + "(?:" + "|".join(form.text for form in FORMS) + ")").encode())
_TAILS = tuple(Tail(re.compile(f"(?:{form.more})*".encode())) for form in FORMS)


def judge_token(buffer: bytes, at: int, final: bool) -> Span | None:
    """A key or token that begins here."""
    if _ANY.match(buffer, at) is None:
        return None
    for form, pattern, tail in zip(FORMS, _BY_FORM, _TAILS, strict=True):
        if found := pattern.match(buffer, at):
            return Span(form.kind, found.start(found.re.groups), found.end(), tail)
    raise AssertionError("one of the forms matched")
