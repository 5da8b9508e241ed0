import app


def test_it():
    assert app
