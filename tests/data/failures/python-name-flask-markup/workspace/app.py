from flask import Flask, Markup
