from __future__ import annotations
import pytest
from tests.attacks.tally import Tally

T = Tally()


@pytest.fixture
def tally(request):
    T.attack = request.node.originalname
    return T
