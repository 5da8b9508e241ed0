from starlette.testclient import TestClient
