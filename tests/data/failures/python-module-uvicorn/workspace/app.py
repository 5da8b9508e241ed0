from fastapi import FastAPI
import httpx

app = FastAPI()
