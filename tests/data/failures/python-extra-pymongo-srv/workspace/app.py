import pymongo

pymongo.MongoClient('mongodb+srv://shop.example')
