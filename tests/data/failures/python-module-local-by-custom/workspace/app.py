from utils import money
